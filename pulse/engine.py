"""The engine: claim a job, ask the gates, call the handler, settle the outcome.

The fence is the execution id, new for every try: a worker that comes back after its job was taken over matches no
row, changes nothing, and says so in its log.
"""

import json
import logging
import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final, TypeVar

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection

from pulse import events, gates, ids, prepared, services
from pulse.calling import outcome_of
from pulse.models import Job
from pulse.outcomes import Outcome
from pulse.recorders import recorders, with_expressions
from pulse.registry import registry
from pulse.run import Claim
from pulse.statements import BEGIN, CLAIM, PUT_BACK, REFUSE, SETTLE, TAKE
from pulse.states import FINAL, JobStatus, PauseReason
from pulse.text import storable

logger = logging.getLogger(__name__)
T = TypeVar("T")
DEADLINE_MARGIN_S: Final = 30.0  # after the time limit: how long Celery has to end the process itself
SETTLE_FOR_S: Final = 600.0  # how long a worker waits for a database that went away, to say how a try ended
SETTLE_AGAIN_S: Final = 0.25


def perform(job_id: str, *, worker_id: str, worker_name: str = "") -> Outcome | None:
    """Claim one job, run it and settle it. None when it was not this worker's to run, or a gate refused it."""
    claimed = claim(job_id, worker_id=worker_id, worker_name=worker_name)
    if claimed is None or not admit(claimed):
        return None
    return run(claimed)


def claim(job_id: str, *, worker_id: str, worker_name: str = "") -> Claim | None:
    """Take the job: queued -> running, attempt + 1, leased to the worker. None when somebody else has it."""
    given: dict[str, Any] = {
        "job_id": job_id,
        "execution_id": ids.execution_id(),
        "worker_id": worker_id,
        "worker_name": worker_name or worker_id,
        "margin_s": DEADLINE_MARGIN_S,
    }
    return next(iter(_taken(CLAIM, given, [job_id], [given["execution_id"]])), None)


def _taken(statement: str, given: dict[str, Any], job_ids: list[str], execution_ids: list[str]) -> list[Claim]:
    """The jobs that the statement takes. Where its answer is lost with the connection, what the database had carried
    out counts; else it is said again when the database is back: to give up would use up the message."""

    def look_and_take() -> list[Claim]:
        mine = Job.objects.filter(pk__in=job_ids, execution_id__in=execution_ids, status=JobStatus.RUNNING)
        return [Claim.of(job) for job in mine] or _claims(statement, given)

    try:
        return _claims(statement, given)
    except (OperationalError, InterfaceError):
        connection.close()
        return patiently(look_and_take)


def _claims(statement: str, given: dict[str, Any]) -> list[Claim]:
    return [_claim_of(row) for row in prepared.rows(with_expressions(statement, "claim_sql"), given)]


def take_many(job_ids: list[str], *, worker_id: str) -> list[Claim]:
    """Take the jobs of a chunk, in their order; those that somebody else has are left out. None is begun yet."""
    given: dict[str, Any] = {
        "job_ids": job_ids,
        "execution_ids": [ids.execution_id() for _ in job_ids],
        "worker_id": worker_id,
        "jobs": len(job_ids),
        "margin_s": DEADLINE_MARGIN_S,
    }
    taken = _taken(TAKE, given, job_ids, given["execution_ids"])
    claims = {claimed.job_id: claimed for claimed in taken}
    return [claims[job_id] for job_id in job_ids if job_id in claims]


def begin_many(begun: list[tuple[Claim, datetime]], *, worker_name: str) -> set[str]:
    """Write that taken jobs began at the given times, with their executions. Returns the ids of those that are still
    this worker's and had not begun."""
    given: dict[str, Any] = {
        "job_ids": [claimed.job_id for claimed, _ in begun],
        "execution_ids": [claimed.execution_id for claimed, _ in begun],
        "begun_at": [at for _, at in begun],
        "worker_name": worker_name,
        "margin_s": DEADLINE_MARGIN_S,
    }
    rows = prepared.rows(with_expressions(BEGIN, "claim_sql"), given)
    for claimed, _ in begun:
        tell_start(claimed)
    return {row["id"] for row in rows}


def is_held(claimed: Claim) -> bool:
    """Whether the job is still this try's."""
    mine = Job.objects.filter(pk=claimed.job_id, execution_id=claimed.execution_id, status=JobStatus.RUNNING)
    return mine.exists()


def admit(claimed: Claim) -> bool:
    """Ask the gates. A refused job is put to `paused` with the reason; it was never started and holds nothing."""
    if claimed.handler_name not in registry:
        return True  # `run` fails it with the reason
    verdict = patiently(lambda: gates.ask_all(claimed))
    if verdict.may_run:
        return True
    given = {
        "job_id": claimed.job_id,
        "execution_id": claimed.execution_id,
        "pause_reason": verdict.reason or PauseReason.USER_REQUESTED,
        "because": verdict.because,
        "gate": verdict.gate,
        "resume_at": verdict.resume_at,
    }
    if patiently(lambda: _one(with_expressions(REFUSE, "refuse_sql"), given)) is not None:
        _tell_job(claimed, JobStatus.PAUSED, verdict.because)
    return False


def run(claimed: Claim) -> Outcome:
    """Call the handler of a claimed job and settle how it ended."""
    tell_start(claimed)
    outcome = outcome_of(claimed)
    patiently(lambda: settle(claimed, outcome))
    return outcome


def patiently(ask: Callable[[], T]) -> T:
    """What `ask` returns, once the database answers: nobody else knows how a try ended. Raises what remains."""
    deadline = time.monotonic() + SETTLE_FOR_S
    while True:
        try:
            return ask()
        except SoftTimeLimitExceeded:  # the signal arrived between the handler's end and ours
            connection.close()
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(SETTLE_AGAIN_S)


def settle(claimed: Claim, outcome: Outcome) -> bool:
    """Write how a try ended: the job, its execution and its last lines in one statement.

    False when the job is no longer this try's: then nothing was changed.
    """
    return settle_many([(claimed, outcome, None)]) == 1


def settle_many(ended: list[tuple[Claim, Outcome, datetime | None]]) -> int:
    """Settle tries that ended at the given times, or now. Returns how many were still this worker's."""
    rows = sorted((_row(*one) for one in ended), key=lambda row: str(row["job_id"]))  # one order of locks for all
    answer = prepared.rows(with_expressions(SETTLE, "settle_sql"), {"rows": json.dumps(rows)})
    settled = {row["execution_id"]: row for row in answer}
    for claimed, outcome, _ in ended:
        row = settled.get(claimed.execution_id)
        for recorder in recorders():
            recorder.end(claimed, settled=row is not None)
        if row is None:
            _warn_too_late(claimed, outcome)
        else:
            _tell_end(claimed, outcome, row["duration_ms"])
            _tell_job(claimed, row["status"], row["waiting_reason"])
            _tell_family(claimed, JobStatus(row["status"]), outcome)
    return len(settled)


def database_now() -> datetime:
    """The clock that the statements go by."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now


def put_back(claims: Iterable[Claim]) -> int:
    """Return jobs that were taken and never begun, as if they had not been taken. Returns how many."""
    given = {"job_ids": [c.job_id for c in claims], "execution_ids": [c.execution_id for c in claims]}
    with connection.cursor() as cursor:
        cursor.execute(PUT_BACK, given)
        return int(cursor.rowcount)


def _row(claimed: Claim, outcome: Outcome, ended_at: datetime | None) -> dict[str, Any]:
    at_current, at_total = outcome.progress or (None, None)
    row: dict[str, Any] = {
        "job_id": claimed.job_id,
        "execution_id": claimed.execution_id,
        "its_end": ended_at.isoformat() if ended_at else None,
        "to_status": outcome.status,
        "is_final": outcome.status in FINAL,
        "failed": int(outcome.counts_as_failure),
        "retry_after_s": outcome.retry_after_s or 0.0,
        "to_pause_reason": outcome.pause_reason or "",
        "to_waiting_reason": storable(outcome.waiting_reason),
        "at_current": at_current,
        "at_total": at_total,
        "at_stage": outcome.stage,
        "spent_micros": outcome.cost_micros,
        "summary": storable(outcome.result_summary or ""),
        "code": outcome.error_code,
        "message": storable(outcome.error_message),
        "details": [storable(line) for line in outcome.error_details],
        "letter_reason": outcome.letter_reason,
    }
    for recorder in recorders():
        row.update(recorder.settle_values(claimed, outcome))
    return row


def _warn_too_late(claimed: Claim, outcome: Outcome) -> None:
    logger.warning(
        "job %s attempt %d: its lease was taken over, the outcome '%s' of %s changes nothing",
        claimed.job_id, claimed.attempt, outcome.status, claimed.execution_id,
    )  # fmt: skip


def _one(statement: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """The statement's one row by column name, or None."""
    return next(iter(prepared.rows(statement, given)), None)


def _claim_of(row: dict[str, Any]) -> Claim:
    return Claim(**row | {name: _from_json(row[name]) for name in ("payload", "checkpoint")})


def _from_json(value: Any) -> Any:
    """Django's connections hand out jsonb as text."""
    return json.loads(value) if isinstance(value, str) else value


def _tell_family(claimed: Claim, status: JobStatus, outcome: Outcome) -> None:
    """Children may have to stop, a waiting parent may go on. What a crash leaves out here, the sweeper does."""
    if status in (JobStatus.FAILED, JobStatus.CANCELLED) or (status in FINAL and claimed.parent_id):
        services.after_end(claimed.job_id, status, claimed.parent_id)
    if outcome.pause_reason == PauseReason.WAITING_FOR_CHILDREN:
        services.wake_parents(Job.objects.filter(pk=claimed.job_id))  # the last child may have ended meanwhile


def _names(claimed: Claim) -> dict[str, Any]:
    return {
        "execution_id": claimed.execution_id,
        "job_id": claimed.schedule_id or claimed.job_id,
        "scheduled_job_id": claimed.schedule_id,
        "async_job_id": claimed.job_id,
        "handler_name": claimed.handler_name,
    }


def tell_start(claimed: Claim) -> None:
    events.emit(events.ExecutionStarted(**_names(claimed), attempt=claimed.attempt))


def _tell_end(claimed: Claim, outcome: Outcome, duration_ms: int) -> None:
    if outcome.status == JobStatus.COMPLETED:
        events.emit(
            events.ExecutionCompleted(
                **_names(claimed), duration_ms=duration_ms, result_summary=outcome.result_summary
            )
        )
        return
    events.emit(
        events.ExecutionFailed(
            **_names(claimed),
            duration_ms=duration_ms,
            error=outcome.error_message,
            error_code=outcome.error_code,
            error_details=outcome.error_details,
        )
    )


def _tell_job(claimed: Claim, status: str, waiting_reason: str) -> None:
    events.emit(
        events.JobUpdate(
            job_id=claimed.job_id,
            scheduled_job_id=claimed.schedule_id,
            handler_name=claimed.handler_name,
            status=status,
            waiting_reason=waiting_reason,
        )
    )
