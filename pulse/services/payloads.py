"""Payloads: checked against the handler's model before anything is written."""

import json
from typing import Any

from django.conf import settings
from pydantic import ValidationError

from pulse.errors import InvalidPayload
from pulse.registry import registry


def validated_payload(handler_name: str, payload: dict[str, Any] | None) -> dict[str, Any]:
    """The payload as it is stored, fitting the handler's model. Raises UnknownHandler, InvalidPayload."""
    model = registry.get(handler_name).payload
    given = {} if payload is None else payload
    if not isinstance(given, dict):
        raise InvalidPayload("the payload must be a JSON object", field="payload")
    try:
        size = len(json.dumps(given))
        fitting = model.model_validate(given).model_dump(mode="json", exclude_unset=True)
    except ValidationError as error:
        faults = [
            {"field": ".".join(["payload", *map(str, fault["loc"])]), "message": fault["msg"]}
            for fault in error.errors()
        ]
        first = faults[0]
        raise InvalidPayload(
            f"the payload does not fit handler '{handler_name}': {first['field']}: {first['message']}",
            errors=faults,
        ) from error
    except (TypeError, ValueError) as error:
        raise InvalidPayload(f"the payload is not JSON: {error}", field="payload") from error
    if size > settings.PULSE_PAYLOAD_MAX_BYTES:
        raise InvalidPayload(
            f"the payload has {size} bytes, more than the {settings.PULSE_PAYLOAD_MAX_BYTES} allowed",
            field="payload",
            hint="Store large input elsewhere and pass its address.",
        )
    if "\\u0000" in json.dumps(fitting):
        raise InvalidPayload("the payload contains a NUL character, which PostgreSQL cannot store", field="payload")
    return fitting
