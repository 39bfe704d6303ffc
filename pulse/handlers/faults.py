"""What a payload model raises when a field does not hold what it must."""

from pydantic_core import PydanticCustomError


def fault(sentence: str) -> PydanticCustomError:
    """A field error whose message is exactly `sentence`."""
    return PydanticCustomError("refused", "{sentence}", {"sentence": sentence})
