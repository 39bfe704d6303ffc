"""Job statuses, and which moves between them are allowed. The table is data: `sources()` turns it around."""

from typing import Final

from django.db.models import TextChoices


class JobStatus(TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class ExecutionStatus(TextChoices):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"


class PauseReason(TextChoices):
    USER_REQUESTED = "user_requested"
    BREAKER_OPEN = "breaker_open"
    RATE_LIMITED = "rate_limited"
    BUDGET_EXCEEDED = "budget_exceeded"
    SYSTEM_BUSY = "system_busy"


S = JobStatus
ALLOWED: Final[dict[JobStatus, frozenset[JobStatus]]] = {
    S.QUEUED: frozenset({S.RUNNING, S.PAUSED, S.CANCELLED, S.FAILED}),
    S.RUNNING: frozenset({S.QUEUED, S.PAUSED, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.PAUSED: frozenset({S.QUEUED, S.CANCELLED, S.FAILED}),
    S.COMPLETED: frozenset(),
    S.FAILED: frozenset({S.QUEUED}),
    S.CANCELLED: frozenset(),
}
ACTIVE: Final = frozenset({S.QUEUED, S.RUNNING, S.PAUSED})
FINAL: Final = frozenset({S.COMPLETED, S.FAILED, S.CANCELLED})


def sources(to: JobStatus) -> list[JobStatus]:
    """The statuses from which a job may move to `to`."""
    return [status for status, targets in ALLOWED.items() if to in targets]
