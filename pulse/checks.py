"""System checks: what is plugged in by the settings must be there, and numbers must make sense."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.utils.module_loading import import_string

POSITIVE = (
    "PULSE_WORKER_HEARTBEAT_S",
    "PULSE_WORKER_LOST_AFTER_S",
    "PULSE_REPUBLISH_AFTER_S",
    "PULSE_STOP_GRACE_S",
    "PULSE_EVENTS_KEPT",
    "PULSE_PAYLOAD_MAX_BYTES",
)


@register()
def plugged_in(**_: Any) -> list[CheckMessage]:
    """Every gate and recorder can be imported, and has what its kind must have."""
    found: list[CheckMessage] = []
    for setting, needed in (("PULSE_GATES", ("ask", "release")), ("PULSE_RECORDERS", ("settle_values",))):
        for path in getattr(settings, setting):
            try:
                thing = import_string(path)
            except ImportError as error:
                found.append(Error(f"{setting} names '{path}': {error}", id="pulse.E001"))
                continue
            missing = [name for name in needed if not hasattr(thing, name)]
            if missing:
                found.append(Error(f"{setting}: '{path}' has no {', '.join(missing)}", id="pulse.E002"))
    return found


@register()
def numbers(**_: Any) -> list[CheckMessage]:
    """Times and sizes are above zero, and a worker is not declared lost between two heartbeats."""
    found: list[CheckMessage] = [
        Error(f"{name} must be above 0, it is {getattr(settings, name)}", id="pulse.E003")
        for name in POSITIVE
        if getattr(settings, name) <= 0
    ]
    if settings.PULSE_WORKER_LOST_AFTER_S < 3 * settings.PULSE_WORKER_HEARTBEAT_S:
        found.append(
            Error(
                "PULSE_WORKER_LOST_AFTER_S must be at least three times PULSE_WORKER_HEARTBEAT_S",
                hint="Else one late heartbeat costs a living worker its jobs.",
                id="pulse.E004",
            )
        )
    return found
