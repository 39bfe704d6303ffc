"""Collects what is wrong with an input, so that a person hears all of it at once and nothing is half done."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

from pulse.errors import InvalidInput
from pulse.text import storable, storable_json


class Refusals:
    """`with refusals.collect(): check(...)` for each field, then `refusals.raise_any()`."""

    def __init__(self) -> None:
        self.found: list[InvalidInput] = []

    @contextmanager
    def collect(self) -> Iterator[None]:
        try:
            yield
        except InvalidInput as error:
            self.found.append(error)

    def raise_any(self) -> None:
        """Raises the one InvalidInput there is, or one that lists them all."""
        if len(self.found) == 1:
            raise self.found[0]
        if self.found:
            message = "; ".join(error.message for error in self.found)
            raise InvalidInput(message, errors=[fault for error in self.found for fault in faults(error)])


def faults(error: InvalidInput) -> list[dict[str, Any]]:
    """The error as `{"field", "message"}`, one per field at fault."""
    return error.details.get("errors") or [{"field": error.field, "message": error.message}]


def checked_text(value: str, *, field: str, longest: int) -> str:
    """The text without blanks around it. Raises InvalidInput for one that is too long or cannot be stored."""
    text = value.strip()
    if len(text) > longest:
        raise InvalidInput(f"{field} has {len(text)} characters, more than the {longest} allowed", field=field)
    if text != storable(text):
        raise InvalidInput(f"{field} contains a character that cannot be stored", field=field)
    return text


def checked_json(value: Any, *, field: str) -> dict[str, Any]:
    """A JSON object. Raises InvalidInput for anything else, and for one that is too large or cannot be stored."""
    if not isinstance(value, dict):
        raise InvalidInput(f"{field} must be a JSON object", field=field)
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidInput(f"{field} is no JSON: {error}", field=field) from None
    if text != storable_json(value):
        raise InvalidInput(f"{field} contains a character or a number that cannot be stored", field=field)
    if len(text) > settings.PULSE_PAYLOAD_MAX_BYTES:
        limit = settings.PULSE_PAYLOAD_MAX_BYTES
        raise InvalidInput(f"{field} has {len(text)} characters, more than the {limit} allowed", field=field)
    return value
