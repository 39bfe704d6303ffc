"""Query parameters that must be right: what is not is refused with the reason, not guessed."""

from typing import Final

from rest_framework.request import Request

from pulse.errors import InvalidInput

BIGGEST: Final = 2**63 - 1  # of a bigint column


def text_of(request: Request, name: str) -> str | None:
    """A text to look for, or None where it is missing. Raises InvalidInput for one that no column can hold."""
    return checked(request.query_params.get(name) or None, name)


def checked(text: str | None, name: str) -> str | None:
    if text is not None and ("\x00" in text or not text.isprintable()):
        raise InvalidInput(f"{name} holds characters that cannot be searched for", field=name)
    return text


def number_of(request: Request, name: str, *, default: int, lowest: int, highest: int = BIGGEST) -> int:
    """A whole number. Raises InvalidInput for one that is out of range, or is none."""
    given = request.query_params.get(name)
    if given is None or given == "":
        return default
    try:
        number = int(given)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise InvalidInput(
            f"{name} must be a whole number from {lowest} to {highest}, not '{given[:40]}'", field=name
        )
    return number
