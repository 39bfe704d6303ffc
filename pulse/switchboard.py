"""What is switched off, as every worker process sees it: read from the database at most once a second."""

import time
from typing import Final

from pulse.models import Switch

FRESH_S: Final = 1.0  # how long a process may act on what it read

_read: tuple[float, list[Switch]] = (0.0, [])


def off_for(*, queue: str, handler_name: str) -> Switch | None:
    """The widest switch that keeps a job of this queue and handler from running."""
    widest_first = ((Switch.Scope.ALL, ""), (Switch.Scope.QUEUE, queue), (Switch.Scope.HANDLER, handler_name))
    known = {(switch.scope, switch.name): switch for switch in _switches()}
    return next((known[place] for place in widest_first if place in known), None)


def forget() -> None:
    """Read again at the next question."""
    global _read  # noqa: PLW0603  one short-lived copy per process
    _read = (0.0, [])


def _switches() -> list[Switch]:
    global _read  # noqa: PLW0603
    if not _read[0] or time.monotonic() - _read[0] > FRESH_S:
        _read = (time.monotonic(), list(Switch.objects.all()))
    return _read[1]
