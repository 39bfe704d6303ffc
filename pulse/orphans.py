"""Jobs whose worker is gone: tried again where the handler is safe to repeat, failed with the reason where not."""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from pulse import engine
from pulse.models import Job, Worker
from pulse.outcomes import Outcome
from pulse.registry import registry
from pulse.run import Claim
from pulse.states import JobStatus

logger = logging.getLogger(__name__)
BATCH = 200  # rows looked at in one sweep


def reap(now: datetime) -> int:
    """Settle the running jobs that nobody runs any more. Returns how many."""
    lost_before = now - timedelta(seconds=settings.PULSE_WORKER_LOST_AFTER_S)
    found = Job.objects.orphaned(now, lost_before=lost_before).order_by("started_at")[:BATCH]
    return sum(_settle(job, _why(job, now), counts=True) for job in found)


def handle_lost(job_id: str, *, worker_id: str, because: str) -> bool:
    """The process that ran this job is known to be dead. False when the job is not with that worker any more."""
    job = Job.objects.filter(pk=job_id, worker_id=worker_id, status=JobStatus.RUNNING).first()
    return job is not None and _settle(job, because, counts=True)


def give_back(worker_id: str) -> int:
    """A worker that was asked to stop leaves: what it still ran goes back to the queue, whatever its handler."""
    left = Job.objects.filter(worker_id=worker_id, status=JobStatus.RUNNING)
    because = "its worker was stopped before it ended; it goes back to the queue"
    return sum(engine.settle(Claim.of(job), _back(because, counts=False)) for job in left)


def _why(job: Job, now: datetime) -> str:
    worker = Worker.objects.filter(pk=job.worker_id).first()
    if worker is None:
        return f"worker lost: {job.worker_id} is not known"
    if worker.stopped_at:
        return f"worker lost: {worker.name} stopped at {worker.stopped_at:%H:%M:%S} UTC"
    silent_s = (now - worker.heartbeat_at).total_seconds()
    if silent_s > settings.PULSE_WORKER_LOST_AFTER_S:
        return f"worker lost: {worker.name} gave no sign of life for {silent_s:.0f} s"
    return f"it ran past its time limit of {job.timeout_s:.0f} s and its process did not end it"


def _settle(job: Job, because: str, *, counts: bool) -> bool:
    handler = registry.get(job.handler_name) if job.handler_name in registry else None
    repeat = handler is not None and handler.on_orphan == "retry" and job.failures < job.max_retries
    logger.warning("job %s: %s; %s", job.pk, because, "it is tried again" if repeat else "it is failed")
    outcome = _back(because, counts=counts) if repeat else _failed(because)
    return engine.settle(Claim.of(job), outcome)


def _back(because: str, *, counts: bool) -> Outcome:
    return Outcome(
        status=JobStatus.QUEUED,
        error_code="worker_lost",
        error_message=because,
        waiting_reason=because,
        counts_as_failure=counts,
    )


def _failed(because: str) -> Outcome:
    message = f"{because}; its handler is not declared safe to repeat"
    return Outcome(status=JobStatus.FAILED, error_code="worker_lost", error_message=message, counts_as_failure=True)
