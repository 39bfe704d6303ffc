"""Every event the server tells browsers, and the one function that sends one.

An event carries ids and the few fields a list needs; the browser fetches the rest. It is emitted inside the
transaction that made it true and leaves after the commit. `tests/contract/events.json` holds examples of each.
"""

from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import partial
from typing import Any, ClassVar

from django.db import transaction

from pulse import clock, stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    type: ClassVar[str]
    is_news: ClassVar[bool] = False  # soon followed by a newer one: dropped first when events cannot be sent

    def wire(self) -> dict[str, Any]:
        """The message as the browser gets it; `timestamp` is in unix seconds."""
        told = {field.name: _plain(getattr(self, field.name)) for field in fields(self)}
        return {"type": self.type, **told, "timestamp": clock.now().timestamp()}

    def key(self) -> str | None:
        """Of several events with one key that wait to be sent, only the newest is."""
        return None

    def audience(self) -> str | None:
        """The execution whose watchers get it; None: everyone."""
        return None


def _plain(value: Any) -> Any:
    """Times as the API writes them: RFC 3339 in UTC, with Z."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionEvent(Event):
    execution_id: str
    job_id: str  # as the seeds' clients know it: the schedule's id, or the job's own where no schedule asked for it
    scheduled_job_id: str | None
    async_job_id: str | None  # the job's id
    handler_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionStarted(ExecutionEvent):
    type: ClassVar[str] = "pulse_execution_started"
    attempt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionCompleted(ExecutionEvent):
    type: ClassVar[str] = "pulse_execution_completed"
    duration_ms: int
    result_summary: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionFailed(ExecutionEvent):
    type: ClassVar[str] = "pulse_execution_failed"
    duration_ms: int
    error: str
    error_code: str
    error_details: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress(Event):
    type: ClassVar[str] = "progress"
    is_news: ClassVar[bool] = True
    execution_id: str
    job_id: str
    scheduled_job_id: str | None
    async_job_id: str | None
    stage: str
    current: int
    total: int | None

    def key(self) -> str | None:
        return f"progress {self.execution_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobUpdate(Event):
    type: ClassVar[str] = "job_update"
    job_id: str  # the job's own id
    scheduled_job_id: str | None
    handler_name: str
    status: str
    waiting_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleUpdate(Event):
    type: ClassVar[str] = "schedule_update"
    scheduled_job_id: str
    state: str
    next_run_at: datetime | None
    last_run_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLines(Event):
    """Lines that were written to one execution's log. Sent only to clients that subscribed to it.

    A flood or a huge line is not sent whole: where `lines` do not join on to what a client has, or end before
    `last_seq`, it fetches the rest.
    """

    type: ClassVar[str] = "log_lines"
    is_news: ClassVar[bool] = True
    execution_id: str
    async_job_id: str | None
    last_seq: int  # of the newest line in the database
    lines: list[dict[str, Any]]  # each as the log API gives it, except that `id` is null

    def audience(self) -> str | None:
        return self.execution_id


ALL: tuple[type[Event], ...] = (
    ExecutionStarted,
    ExecutionCompleted,
    ExecutionFailed,
    Progress,
    JobUpdate,
    ScheduleUpdate,
    LogLines,
)


def emit(event: Event) -> None:
    """Send one event once the current transaction has committed, or at once where there is none. Never raises."""
    send = partial(stream.append, event.wire(), is_news=event.is_news, key=event.key(), audience=event.audience())
    if transaction.get_connection().in_atomic_block:
        transaction.on_commit(send)
    else:  # `on_commit` would connect to the database first, and may not be called in an event loop
        send()
