"""How a plain Celery task ended, as an Outcome. Pure."""

import traceback
from typing import Any, Final

from billiard.exceptions import TimeLimitExceeded, WorkerLostError
from celery import states
from celery.exceptions import Retry
from celery.utils.saferepr import saferepr

from pulse import retry
from pulse.outcomes import Outcome
from pulse.states import JobStatus

RESULT_MAX: Final = 200  # characters of a result that are shown


def completed(result: Any, *, shown: bool) -> Outcome:
    """`shown`: whether the result may be read by whoever may read the history."""
    summary = saferepr(result, maxlen=RESULT_MAX) if shown and result is not None else None
    return Outcome(status=JobStatus.COMPLETED, result_summary=summary)


def ignored() -> Outcome:
    return Outcome(status=JobStatus.COMPLETED, result_summary="ignored: the task asked Celery for it")


def rejected() -> Outcome:
    message = "rejected: the task refused its message"
    return Outcome(status=JobStatus.FAILED, error_code="rejected", error_message=message)


def unsaid(state: str) -> Outcome:
    """What Celery sends no signal for."""
    known = {
        states.SUCCESS: Outcome(status=JobStatus.COMPLETED),
        states.IGNORED: ignored(),
        states.REJECTED: rejected(),
    }
    return known.get(state) or lost(f"it ended without a result (Celery's state: {state})")


def failed(error: BaseException) -> Outcome:
    return Outcome(
        status=JobStatus.FAILED,
        error_code=code_of(error),
        error_message=message_of(error),
        error_details=details_of(error),
    )


def retried(reason: Retry, *, after_s: float | None) -> Outcome:
    """The task asked for another try, which is an execution of its own."""
    cause = reason.exc if isinstance(reason.exc, BaseException) else None
    return Outcome(
        status=JobStatus.QUEUED,
        retry_after_s=after_s,
        error_code=code_of(cause) if cause else "retry",
        error_message=message_of(cause) if cause else "the task asked to be tried again",
        error_details=details_of(cause) if cause else [],
    )


def revoked(*, expired: bool) -> Outcome:
    because = "it expired" if expired else "it was revoked and its process was ended"
    return Outcome(status=JobStatus.CANCELLED, error_code="cancelled", error_message=f"cancelled: {because}")


def lost(because: str) -> Outcome:
    return Outcome(status=JobStatus.FAILED, error_code="worker_lost", error_message=because)


def code_of(error: BaseException) -> str:
    if isinstance(error, WorkerLostError):
        return "worker_lost"
    return "timeout" if isinstance(error, TimeLimitExceeded) else retry.classify(error)


def message_of(error: BaseException) -> str:
    """As the engine words a handler's error: the type's name where nothing better is known."""
    return f"{type(error).__name__}: {error}" if code_of(error) == "unknown" else str(error) or type(error).__name__


def details_of(error: BaseException) -> list[str]:
    return [line for part in traceback.format_exception(error) for line in part.rstrip().splitlines()]
