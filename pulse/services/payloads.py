"""Payloads: checked against the handler's model before anything is written."""

import json
from typing import Any

from django.conf import settings
from pydantic import BaseModel, ValidationError

from pulse.errors import InvalidPayload
from pulse.registry import registry


def validated_payload(handler_name: str, payload: dict[str, Any] | None) -> dict[str, Any]:
    """The payload as it is stored, fitting the handler's model. Raises UnknownHandler, InvalidPayload."""
    if payload is not None and not isinstance(payload, dict):
        raise InvalidPayload("the payload must be a JSON object", field="payload")
    fitting = parsed_payload(handler_name, payload or {}).model_dump(mode="json", exclude_unset=True)
    try:
        text = json.dumps(fitting, ensure_ascii=False, allow_nan=False)
        size = len(text.encode())
    except ValueError as error:  # NaN, or half characters
        raise InvalidPayload(f"the payload is not JSON: {error}", field="payload") from error
    if size > settings.PULSE_PAYLOAD_MAX_BYTES:
        raise InvalidPayload(
            f"the payload has {size} bytes, more than the {settings.PULSE_PAYLOAD_MAX_BYTES} allowed",
            field="payload",
            hint="Store large input elsewhere and pass its address.",
        )
    if "\\u0000" in text:
        raise InvalidPayload("the payload contains a NUL character, which PostgreSQL cannot store", field="payload")
    return fitting


def parsed_payload(handler_name: str, payload: dict[str, Any]) -> BaseModel:
    """The payload as the handler gets it. Raises UnknownHandler, InvalidPayload.

    The error names fields and reasons, never values: a payload may hold secrets, and errors are logged.
    """
    try:
        return registry.get(handler_name).payload.model_validate(payload)
    except ValidationError as error:
        faults = [
            {"field": ".".join(["payload", *map(str, fault["loc"])]), "message": fault["msg"]}
            for fault in error.errors(include_input=False, include_url=False)
        ]
    first = faults[0]
    message = f"the payload does not fit handler '{handler_name}': {first['field']}: {first['message']}"
    raise InvalidPayload(message, errors=faults)
