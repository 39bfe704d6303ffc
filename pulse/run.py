"""The Run: what a handler is given during an execution."""

import logging
import time
from contextvars import ContextVar
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeVar

from django.core.exceptions import SynchronousOnlyOperation
from django.db import Error, connection
from django.db.models import QuerySet
from pydantic import BaseModel

from pulse import clock, events, services
from pulse.connections import borrowed, drop_if_broken
from pulse.errors import Cancelled, ChildrenPending, InvalidInput, PauseRequested
from pulse.models import Job
from pulse.states import ACTIVE, JobStatus
from pulse.text import storable

P = TypeVar("P", bound=BaseModel)
STAGE_MAX: Final = 200  # characters of a stage's name
SYNC_EVERY_S: Final = 0.5  # how often at most a run tells the database its progress and asks whether to stop

current_run: ContextVar["Run[Any] | None"] = ContextVar("current_run", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A job that this worker has taken; the execution id is the fence."""

    job_id: str
    execution_id: str
    handler_name: str
    payload: dict[str, Any]
    attempt: int
    failures: int
    max_retries: int
    timeout_s: float
    schedule_id: str | None
    due_at: datetime | None
    concurrency_key: str
    parent_id: str | None
    checkpoint: Any  # what an earlier try left, or None
    cost_estimate_micros: int | None

    @classmethod
    def of(cls, job: Job) -> "Claim":
        """The newest claim of a job, as its row tells it."""
        names = [field.name for field in fields(cls) if field.name not in ("job_id", "execution_id")]
        return cls(job_id=job.pk, execution_id=job.execution_id or "", **{name: getattr(job, name) for name in names})


class LeaseLost(BaseException):
    """Another worker was given this job: nothing this run does counts any more."""


class Run(Generic[P]):
    """One execution, seen from inside its handler.

    Every call but `payload` looks, at most twice a second, whether the job was cancelled or paused, and then raises
    Cancelled or PauseRequested, which are no Exceptions: a handler lets them through.
    """

    def __init__(self, claim: Claim, payload: P) -> None:
        self.claim = claim
        self.payload = payload
        self.log: logging.Logger = logging.getLogger("pulse.run")
        self.current_stage = claim.handler_name
        self.current_task: str | None = None
        self.progress_current = 0
        self.progress_total: int | None = None
        self.cost_micros = 0  # millionths of a US dollar, spent by this execution so far
        self.result_summary: str | None = None
        self._checkpoint = claim.checkpoint
        self._synced_at = time.monotonic()

    @property
    def job_id(self) -> str:
        return self.claim.job_id

    @property
    def execution_id(self) -> str:
        return self.claim.execution_id

    @property
    def attempt(self) -> int:
        """Which try this is, from 1."""
        return self.claim.attempt

    def stage(self, name: str, message: str = "") -> None:
        """Enter the named phase; lines from here on carry it."""
        self.current_stage, self.current_task = storable(str(name))[:STAGE_MAX], None
        self.log.info("%s", message or f"Stage {name}")
        self._sync(now=True)

    def task(self, task_id: str) -> "TaskScope":
        """One unit of work inside the stage: `with run.task("item-7"): ...`; its lines carry the id."""
        return TaskScope(self, task_id)

    def progress(self, current: int | None = None, *, total: int | None = None, advance: int = 0) -> None:
        """Say how far the work is: `progress(3, total=10)`, or `progress(advance=1)` for one step more."""
        if (current is not None and current < 0) or (total is not None and total < 0):
            raise InvalidInput("progress cannot be negative", field="current")
        self.progress_current = (self.progress_current if current is None else current) + advance
        self.progress_total = self.progress_total if total is None else total
        self._sync()

    def spend(self, usd: Decimal | float | str, note: str = "") -> None:
        """Add money spent by this execution, in US dollars."""
        micros = int((Decimal(str(usd)) * 1_000_000).to_integral_value())
        if micros < 0:
            raise InvalidInput("money spent cannot be negative", field="usd")
        self.cost_micros += micros
        self.log.info("Spent $%s%s", usd, f": {note}" if note else "", extra={"metadata": {"cost_micros": micros}})
        self._sync()

    def summary(self, text: str) -> None:
        """One line that the execution is remembered by."""
        self.result_summary = text

    @property
    def resume_from(self) -> Any:
        """What `checkpoint` kept last, by this or an earlier try of the job; None at the beginning."""
        return self._checkpoint

    def checkpoint(self, data: Any) -> None:
        """Keep `data` (JSON) as the place where the next try goes on. Raises LeaseLost."""
        kept = {"checkpoint": data, "updated_at": clock.now()}
        if not self._mine().update(**kept):
            raise LeaseLost(self.job_id)
        self._checkpoint = data
        self._sync()

    def enqueue_child(self, handler_name: str, payload: dict[str, Any] | None = None, **options: Any) -> Job:
        """Ask for a job on behalf of this one; the options are those of `services.new_job`."""
        return self.enqueue_children([(handler_name, payload)], **options)[0]

    def enqueue_children(self, wanted: list[tuple[str, dict[str, Any] | None]], **options: Any) -> list[Job]:
        """Ask for many jobs on behalf of this one, all or none: (handler name, payload) each."""
        return services.enqueue_children(self.job_id, self.execution_id, wanted, **options)

    def wait_for_children(self) -> list[Job]:
        """This job's children once all have ended, oldest first.

        While one has not, the worker is freed (ChildrenPending) and the handler is called again later: keep with
        `checkpoint` how far it had come.
        """
        children = list(services.children_of(self.job_id))
        pending = sum(child.status in ACTIVE for child in children)
        if pending:
            raise ChildrenPending(f"waits for {pending} of {len(children)} children")
        return children

    def check_cancelled(self) -> None:
        """Raise Cancelled or PauseRequested if an operator asked for it."""
        self._sync()

    def _sync(self, *, now: bool = False) -> None:
        if not now and time.monotonic() - self._synced_at < SYNC_EVERY_S:
            return
        self._synced_at = time.monotonic()
        try:
            with borrowed():
                asked = self._report()
        except (Error, SynchronousOnlyOperation):  # the database is away, or an event loop runs: no reason to stop
            drop_if_broken()
            return
        if asked is None:
            raise LeaseLost(self.job_id)
        if asked[0]:
            raise Cancelled("cancelled by an operator")
        if asked[1]:
            raise PauseRequested

    def _report(self) -> tuple[datetime | None, datetime | None] | None:
        """Write how far it is. When it was asked to stop, and to pause; None: the job is no longer this try's."""
        mine = self._mine()
        if not connection.in_atomic_block:  # else the row would stay locked until the handler commits
            mine.update(
                progress_current=self.progress_current,
                progress_total=self.progress_total,
                stage=self.current_stage,
            )
            self._tell_progress()
        return mine.values_list("cancel_requested_at", "pause_requested_at").first()

    def _mine(self) -> QuerySet[Job]:
        return Job.objects.filter(pk=self.job_id, execution_id=self.execution_id, status=JobStatus.RUNNING)

    def _tell_progress(self) -> None:
        events.emit(
            events.Progress(
                execution_id=self.execution_id,
                job_id=self.claim.schedule_id or self.job_id,
                scheduled_job_id=self.claim.schedule_id,
                async_job_id=self.job_id,
                stage=self.current_stage,
                current=self.progress_current,
                total=self.progress_total,
            )
        )


class TaskScope:
    """Lines logged between `__enter__` and `__exit__` carry the task's id."""

    def __init__(self, run: Run[Any], task_id: str) -> None:
        self.run = run
        self.task_id = task_id
        self.outer: str | None = None

    def __enter__(self) -> Self:
        self.outer, self.run.current_task = self.run.current_task, self.task_id
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            self.run.log.error("Failed: %s", error)  # noqa: TRY400  the traceback is logged once, by the engine
        self.run.current_task = self.outer
