"""Writes of executions that the engine does not make: those of plain Celery tasks."""

import json
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from executions import endings
from executions.models import Execution
from pulse import events, ids
from pulse.errors import NotFound
from pulse.models import Job
from pulse.outcomes import Outcome
from pulse.recorders import recorders, with_expressions
from pulse.run import Claim
from pulse.states import ExecutionStatus, JobStatus
from schedules.models import Schedule

BATCH: Final = 200  # lost tasks settled in one sweep
BEGIN: Final = """
INSERT INTO pulse_executions (
    id, celery_task_id, handler_name, attempt, status, worker, worker_id, started_at, error_details, cost_micros,
    created_at, updated_at
)
SELECT
    %(id)s, %(celery_task_id)s, %(handler_name)s, %(attempt)s, 'running', %(worker)s, %(worker_id)s, began, '[]', 0,
    began, began
FROM (SELECT clock_timestamp() - make_interval(secs => %(ago_s)s) AS began) AS clock
ON CONFLICT DO NOTHING
"""
# What the engine's settle is for a job: the recorders read the same columns from it.
SETTLE: Final = """
WITH given AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS given (execution_id text, ended_ago_s float8{columns})
), job AS (
    SELECT
        NULL::text AS id, execution.id AS execution_id, NULL::text AS schedule_id, handler_name, started_at,
        greatest(started_at, clock_timestamp() - make_interval(secs => ended_ago_s)) AS ended_at
    FROM pulse_executions AS execution JOIN given ON given.execution_id = execution.id
    WHERE job_id IS NULL AND status = 'running'
    FOR UPDATE OF execution
){recorders}
SELECT (extract(epoch FROM ended_at - started_at) * 1000)::bigint FROM job
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTry:
    """One try at running a plain Celery task."""

    execution_id: str
    celery_task_id: str
    name: str
    attempt: int
    worker: str = ""
    worker_id: str | None = None

    @property
    def claim(self) -> Claim:
        job = Job(id="", execution_id=self.execution_id, handler_name=self.name, attempt=self.attempt)
        return Claim.of(job)


def get(execution_id: str) -> Execution:
    """Raises NotFound."""
    found = Execution.objects.filter(pk=execution_id).first()
    if found is None:
        raise NotFound(f"there is no execution '{execution_id}'")
    return found


def executions_of(owner_id: str) -> QuerySet[Execution]:
    """The executions of a job or of a schedule, newest first. Raises NotFound when neither has this id."""
    wanted = ids.normal(owner_id)
    found = Execution.objects.of(wanted)
    if not (found.exists() or Job.objects.filter(pk=wanted).exists() or Schedule.objects.filter(pk=wanted).exists()):
        raise NotFound(f"there is no job or schedule '{owner_id}'")
    return found


def begin_task(task: TaskTry, *, ago_s: float = 0.0) -> None:
    """Write the running execution, as begun `ago_s` seconds ago, unless it is there. Raises django.db.Error."""
    given: dict[str, Any] = {
        "id": task.execution_id,
        "celery_task_id": task.celery_task_id,
        "handler_name": task.name,
        "attempt": task.attempt,
        "worker": task.worker,
        "worker_id": task.worker_id,
        "ago_s": ago_s,
    }
    with _isolated(), connection.cursor() as cursor:
        cursor.execute(BEGIN, given)


def settle_task(task: TaskTry, outcome: Outcome, *, ago_s: float = 0.0) -> bool:
    """End the execution, as of `ago_s` seconds ago, with its last lines. False when it has ended already.

    Raises django.db.Error: then nothing was written, and it may be called again.
    """
    row: dict[str, Any] = {"execution_id": task.execution_id, "ended_ago_s": ago_s}
    for recorder in recorders():
        row.update(recorder.settle_values(task.claim, outcome))
    with _isolated(), connection.cursor() as cursor:
        cursor.execute(with_expressions(SETTLE, "settle_sql"), {"rows": json.dumps([row])})
        settled = cursor.fetchone()
    for recorder in recorders():
        recorder.end(task.claim, settled=settled is not None)
    if settled is None:
        return False
    _tell_end(task, outcome, settled[0])
    return True


def settle_elsewhere(celery_task_id: str, outcome: Outcome) -> bool:
    """End the newest try of a task whose own process cannot. False when none is running. Raises django.db.Error."""
    found = Execution.objects.running_task(celery_task_id).order_by("-started_at").first()
    return found is not None and settle_task(_try_of(found), outcome)


def settle_left(worker_id: str, outcome: Outcome) -> int:
    """End the plain tasks that a worker left when it stopped. Returns how many. Raises django.db.Error."""
    left = Execution.objects.filter(job_id=None, worker_id=worker_id, status=ExecutionStatus.RUNNING)
    return sum(settle_task(_try_of(row), outcome) for row in left)


def settle_lost(now: datetime) -> int:
    """End the plain tasks whose worker is gone. Returns how many."""
    lost_before = now - timedelta(seconds=settings.PULSE_WORKER_LOST_AFTER_S)
    found = Execution.objects.lost_tasks(now, lost_before=lost_before).order_by("started_at")[:BATCH]
    because = "worker lost: {} gives no sign of life"
    return sum(settle_task(_try_of(row), endings.lost(because.format(row.worker or "its process"))) for row in found)


def tell_begin(task: TaskTry) -> None:
    events.emit(events.ExecutionStarted(**_names(task), attempt=task.attempt))


def _tell_end(task: TaskTry, outcome: Outcome, duration_ms: int) -> None:
    if outcome.status == JobStatus.COMPLETED:
        event: events.Event = events.ExecutionCompleted(
            **_names(task), duration_ms=duration_ms, result_summary=outcome.result_summary
        )
    else:
        event = events.ExecutionFailed(
            **_names(task),
            duration_ms=duration_ms,
            error=outcome.error_message,
            error_code=outcome.error_code,
            error_details=outcome.error_details,
        )
    events.emit(event)


def _names(task: TaskTry) -> dict[str, Any]:
    return {
        "execution_id": task.execution_id,
        "job_id": task.celery_task_id,
        "scheduled_job_id": None,
        "async_job_id": None,
        "handler_name": task.name,
    }


def _try_of(row: Execution) -> TaskTry:
    return TaskTry(
        execution_id=row.pk,
        celery_task_id=row.celery_task_id or "",
        name=row.handler_name,
        attempt=row.attempt,
        worker=row.worker,
        worker_id=row.worker_id,
    )


def _isolated() -> AbstractContextManager[None]:
    """Inside someone's transaction (a task called eagerly) a fault of ours must not break theirs."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()
