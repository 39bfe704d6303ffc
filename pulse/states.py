"""Job statuses, and which moves between them are allowed. The table is data: `sources()` turns it around."""

from typing import Final

from django.db.models import IntegerChoices, TextChoices


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
    CONCURRENCY_LIMITED = "concurrency_limited"
    WAITING_FOR_CHILDREN = "waiting_for_children"


class Priority(IntegerChoices):
    """0 is taken first, 9 last; the three names are what most people need."""

    HIGH = 2
    NORMAL = 5
    LOW = 8


class OnParentFailure(TextChoices):
    """What becomes of a child that has not ended when its parent fails."""

    CONTINUE = "continue"
    CANCEL = "cancel"


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
