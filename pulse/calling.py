"""Calling a handler: whatever it does, the result is a value, the Outcome."""

import traceback
from dataclasses import replace
from typing import Any

from pulse import retry, services
from pulse.errors import Cancelled, ChildrenPending, HandlerError, PauseRequested, RetryLater
from pulse.outcomes import Outcome
from pulse.recorders import recorders
from pulse.registry import registry
from pulse.run import Claim, LeaseLost, Run, current_run
from pulse.states import JobStatus, PauseReason


def outcome_of(claimed: Claim) -> Outcome:
    """Call the handler; whatever it does, the result is a value."""
    current: Run[Any] | None = None
    try:
        current = Run(claimed, services.parsed_payload(claimed.handler_name, claimed.payload))
        returned = _call(current)
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


def _call(current: Run[Any]) -> Any:
    token = current_run.set(current)
    try:
        for recorder in recorders():
            recorder.begin(current)
        return registry.get(current.claim.handler_name).function(current)
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
