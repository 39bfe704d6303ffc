"""The engine: claim a job, ask the gates, call the handler, settle the outcome.

The fence is the execution id, new for every try: a worker that comes back after its job was taken over matches no
row, changes nothing, and says so in its log.
"""

import json
import logging
import time
import traceback
from dataclasses import replace
from typing import Any, Final

from celery.exceptions import SoftTimeLimitExceeded
from django.db import InterfaceError, OperationalError, connection

from pulse import events, gates, ids, retry, services
from pulse.errors import Cancelled, ChildrenPending, HandlerError, PauseRequested, RetryLater
from pulse.models import Job
from pulse.outcomes import Outcome
from pulse.recorders import recorders, with_expressions
from pulse.registry import Handler, registry
from pulse.run import Claim, LeaseLost, Run, current_run
from pulse.statements import CLAIM, REFUSE, SETTLE
from pulse.states import FINAL, JobStatus, PauseReason
from pulse.text import storable, storable_json

logger = logging.getLogger(__name__)
DEADLINE_MARGIN_S: Final = 30.0  # after the time limit: how long Celery has to end the process itself
SETTLE_FOR_S: Final = 60.0  # how long a worker waits for a database that went away, to say how a try ended
SETTLE_AGAIN_S: Final = 0.25


def perform(job_id: str, *, worker_id: str, worker_name: str = "") -> Outcome | None:
    """Claim one job, run it and settle it. None when it was not this worker's to run, or a gate refused it."""
    claimed = claim(job_id, worker_id=worker_id, worker_name=worker_name)
    if claimed is None or not admit(claimed):
        return None
    return run(claimed)


def claim(job_id: str, *, worker_id: str, worker_name: str = "") -> Claim | None:
    """Take the job: queued -> running, attempt + 1, leased to the worker. None when somebody else has it."""
    given = {
        "job_id": job_id,
        "execution_id": ids.execution_id(),
        "worker_id": worker_id,
        "worker_name": worker_name or worker_id,
        "margin_s": DEADLINE_MARGIN_S,
    }
    row = _one(with_expressions(CLAIM, "claim_sql"), given)
    if row is None:
        return None
    return Claim(**row | {name: _from_json(row[name]) for name in ("payload", "checkpoint")})


def admit(claimed: Claim) -> bool:
    """Ask the gates. A refused job is put to `paused` with the reason; it was never started and holds nothing."""
    if claimed.handler_name not in registry:
        return True  # `run` fails it with the reason
    verdict = gates.ask_all(claimed)
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
    if _one(with_expressions(REFUSE, "refuse_sql"), given) is not None:
        _tell_job(claimed, JobStatus.PAUSED, verdict.because)
    return False


def run(claimed: Claim) -> Outcome:
    """Call the handler of a claimed job and settle how it ended."""
    events.emit(events.ExecutionStarted(**_names(claimed), attempt=claimed.attempt))
    outcome = _outcome_of(claimed)
    _settle_patiently(claimed, outcome)
    return outcome


def _settle_patiently(claimed: Claim, outcome: Outcome) -> None:
    """Settle; while the database is away try again: nobody else knows how the try ended. Raises what remains."""
    deadline = time.monotonic() + SETTLE_FOR_S
    while True:
        try:
            settle(claimed, outcome)
            return
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
    progress_current, progress_total = outcome.progress or (None, None)
    given: dict[str, Any] = {
        "job_id": claimed.job_id,
        "execution_id": claimed.execution_id,
        "status": outcome.status,
        "is_final": outcome.status in FINAL,
        "failures": int(outcome.counts_as_failure),
        "retry_after_s": outcome.retry_after_s or 0.0,
        "pause_reason": outcome.pause_reason or "",
        "waiting_reason": outcome.waiting_reason,
        "progress_current": progress_current,
        "progress_total": progress_total,
        "stage": outcome.stage,
        "cost_micros": outcome.cost_micros,
        "result_summary": storable(outcome.result_summary or ""),
        "error_code": outcome.error_code,
        "error_message": storable(outcome.error_message),
        "error_details": storable_json(outcome.error_details),
        "letter_reason": outcome.letter_reason,
    }
    for recorder in recorders():
        given.update(recorder.settle_params(claimed, outcome))
    row = _one(with_expressions(SETTLE, "settle_sql"), given)
    for recorder in recorders():
        recorder.end(claimed, settled=row is not None)
    if row is None:
        logger.warning(
            "job %s attempt %d: its lease was taken over, the outcome '%s' of %s changes nothing",
            claimed.job_id, claimed.attempt, outcome.status, claimed.execution_id,
        )  # fmt: skip
        return False
    _tell_end(claimed, outcome, row["duration_ms"])
    _tell_job(claimed, row["status"], row["waiting_reason"])
    _tell_family(claimed, JobStatus(row["status"]), outcome)
    return True


def _one(statement: str, given: dict[str, Any]) -> dict[str, Any] | None:
    """The statement's one row by column name, or None."""
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        row = cursor.fetchone()
        return None if row is None else dict(zip([column[0] for column in cursor.description], row, strict=True))


def _from_json(value: Any) -> Any:
    """Django's connections hand out jsonb as text."""
    return json.loads(value) if isinstance(value, str) else value


def _tell_family(claimed: Claim, status: JobStatus, outcome: Outcome) -> None:
    """Children may have to stop, a waiting parent may go on. What a crash leaves out here, the sweeper does."""
    if status in (JobStatus.FAILED, JobStatus.CANCELLED) or (status in FINAL and claimed.parent_id):
        services.after_end(claimed.job_id, status, claimed.parent_id)
    if outcome.pause_reason == PauseReason.WAITING_FOR_CHILDREN:
        services.wake_parents(Job.objects.filter(pk=claimed.job_id))  # the last child may have ended meanwhile


def _outcome_of(claimed: Claim) -> Outcome:
    """Call the handler; whatever it does, the result is a value."""
    current: Run[Any] | None = None
    try:
        handler = registry.get(claimed.handler_name)
        current = Run(claimed, services.parsed_payload(claimed.handler_name, claimed.payload))
        returned = _call(handler, current)
        outcome = Outcome(status=JobStatus.COMPLETED, result_summary=_summary(current, returned))
    except Cancelled as stop:
        outcome = Outcome(status=JobStatus.CANCELLED, error_code="cancelled", error_message=f"cancelled: {stop}")
    except PauseRequested:
        outcome = _paused()
    except ChildrenPending as pending:
        outcome = _waiting(str(pending))
    except LeaseLost:
        outcome = Outcome(status=JobStatus.FAILED, error_code="lease_lost", error_message="the lease was taken over")
    except Exception as error:  # noqa: BLE001  the one catch-all: whatever a handler raises becomes an Outcome
        outcome = _failure(claimed, error)
    return outcome if current is None else _with_reached(outcome, current)


def _call(handler: Handler, current: Run[Any]) -> Any:
    token = current_run.set(current)
    try:
        for recorder in recorders():
            recorder.begin(current)
        return handler.function(current)
    finally:
        current_run.reset(token)


def _summary(current: Run[Any], returned: Any) -> str | None:
    return current.result_summary or (returned if isinstance(returned, str) else None)


def _paused() -> Outcome:
    because = "paused by an operator at a checkpoint; it starts again when it is resumed"
    return Outcome(
        status=JobStatus.PAUSED,
        error_code="paused",
        error_message=because,
        pause_reason=PauseReason.USER_REQUESTED,
        waiting_reason=because,
    )


def _waiting(because: str) -> Outcome:
    return Outcome(
        status=JobStatus.PAUSED,
        result_summary=because,
        pause_reason=PauseReason.WAITING_FOR_CHILDREN,
        waiting_reason=because,
    )


def _failure(claimed: Claim, error: Exception) -> Outcome:
    """Try again, or fail for good: by the error's kind and the tries that are left."""
    code = retry.classify(error)
    named = code == "unknown" and not isinstance(error, HandlerError)  # then the type says more than the text
    message = f"{type(error).__name__}: {error}" if named else str(error) or type(error).__name__
    details = [line for part in traceback.format_exception(error) for line in part.rstrip().splitlines()]
    told: dict[str, Any] = {"error_code": code, "error_message": message, "error_details": details}
    if isinstance(error, RetryLater):
        return _again(claimed, error.after_s, counts=False, **told)
    permanent = not retry.is_transient(error)
    if permanent or claimed.failures >= claimed.max_retries:
        return Outcome(status=JobStatus.FAILED, counts_as_failure=True, is_permanent=permanent, **told)
    return _again(claimed, retry.backoff_s(claimed.failures + 1), counts=True, **told)


def _again(claimed: Claim, after_s: float, *, counts: bool, **told: Any) -> Outcome:
    retries = f"retry {claimed.failures + 1} of {claimed.max_retries}" if counts else "no retry used"
    return Outcome(
        status=JobStatus.QUEUED,
        retry_after_s=after_s,
        counts_as_failure=counts,
        waiting_reason=f"tried again in {after_s:.0f} s ({retries}) after {told['error_code']}: "
        f"{told['error_message']}",
        **told,
    )


def _with_reached(outcome: Outcome, current: Run[Any]) -> Outcome:
    return replace(
        outcome,
        cost_micros=current.cost_micros,
        progress=(current.progress_current, current.progress_total),
        stage=current.current_stage,
    )


def _names(claimed: Claim) -> dict[str, Any]:
    return {
        "execution_id": claimed.execution_id,
        "job_id": claimed.schedule_id or claimed.job_id,
        "scheduled_job_id": claimed.schedule_id,
        "async_job_id": claimed.job_id,
        "handler_name": claimed.handler_name,
    }


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
