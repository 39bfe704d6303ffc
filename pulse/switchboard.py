"""What keeps this worker process from starting jobs: read from the database at most once a second."""

import time
from dataclasses import dataclass, field
from typing import Final

from pulse.identity import worker_id
from pulse.models import Switch, Worker

FRESH_S: Final = 1.0  # how long a process may act on what it read


@dataclass(slots=True)
class Snapshot:
    read_at: float = float("-inf")  # of the monotonic clock
    switches: dict[tuple[str, str], Switch] = field(default_factory=dict)  # by scope and name
    busy_pct: float | None = None  # of this worker's machine, while it is too busy

    def refresh(self) -> "Snapshot":
        if time.monotonic() - self.read_at > FRESH_S:
            self.switches = {(switch.scope, switch.name): switch for switch in Switch.objects.all()}
            busy = Worker.objects.filter(pk=worker_id(), is_busy=True).values_list("load_pct", flat=True)
            self.busy_pct = busy.first()
            self.read_at = time.monotonic()
        return self


_snapshot = Snapshot()


def off_for(*, queue: str, handler_name: str) -> Switch | None:
    """The widest switch that keeps a job of this queue and handler from running."""
    switches = _snapshot.refresh().switches
    widest_first = ((Switch.Scope.ALL, ""), (Switch.Scope.QUEUE, queue), (Switch.Scope.HANDLER, handler_name))
    return next((switches[place] for place in widest_first if place in switches), None)


def busy_pct() -> float | None:
    """How busy this worker's machine is, if that is too much; None when jobs may start."""
    return _snapshot.refresh().busy_pct


def forget() -> None:
    """Read again at the next question."""
    _snapshot.read_at = float("-inf")
