"""Jobs whose worker is gone: tried again where the handler is safe to repeat, failed with the reason where not."""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q

from pulse import engine, slots
from pulse.models import Job, Worker
from pulse.outcomes import Outcome
from pulse.registry import registry
from pulse.run import Claim
from pulse.states import JobStatus

logger = logging.getLogger(__name__)
BATCH: Final = 200  # rows looked at in one sweep
FIRST_OVER_S: Final = 10.0
WORKER_LOST: Final = "worker_lost"


def reap(now: datetime) -> int:
    """Settle the running jobs that nobody runs any more. Returns how many.

    After a crash many may be found at once: those tried again are released gradually, so that the restart is no
    stampede (`release_after_s`).
    """
    lost_before = now - timedelta(seconds=settings.PULSE_WORKER_LOST_AFTER_S)
    found = Job.objects.orphaned(now, lost_before=lost_before).order_by("started_at")[:BATCH]
    waiting = Job.objects.filter(status=JobStatus.QUEUED, error_code=WORKER_LOST, run_at__gt=now).count()
    return sum(_settle(job, _why(job, now), after_s=release_after_s(waiting + n)) for n, job in enumerate(found))


def release_after_s(position: int) -> float:
    """Seconds until the recovered job at `position` (from 0) may start: the first at once, nine more over ten
    seconds, the rest spread evenly over PULSE_RECOVERY_SPREAD_S."""
    first: int = settings.PULSE_RECOVERY_FIRST
    if position < first:
        return position * FIRST_OVER_S / max(1, first - 1)
    spread_s: float = settings.PULSE_RECOVERY_SPREAD_S
    return FIRST_OVER_S + (position - first + 1) * spread_s / BATCH % spread_s


def handle_lost(message_id: str, *, worker_id: str, because: str) -> int:
    """The process that ran this message's job, or chunk of jobs, is known to be dead. Returns how many it left."""
    mine = Job.objects.filter(worker_id=worker_id, status=JobStatus.RUNNING)
    jobs = mine.filter(Q(pk=message_id) | Q(message_id=message_id))
    return sum(_settle(job, because, after_s=0.0) for job in jobs)


def give_back(worker_id: str) -> int:
    """A worker that was asked to stop leaves: what it still ran goes back to the queue, whatever its handler."""
    left = Job.objects.filter(worker_id=worker_id, status=JobStatus.RUNNING)
    because = "its worker was stopped before it ended; it goes back to the queue"
    return sum(_put_back(job) or engine.settle(Claim.of(job), _back(because, counts=False)) for job in left)


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


def _settle(job: Job, because: str, *, after_s: float) -> bool:
    if _put_back(job):
        return True
    may_repeat = job.handler_name in registry and registry.get(job.handler_name).on_orphan == "retry"
    if may_repeat and job.failures < job.max_retries:
        logger.warning("job %s: %s; it is tried again", job.pk, because)
        return engine.settle(Claim.of(job), _back(because, counts=True, after_s=after_s))
    logger.warning("job %s: %s; it is failed", job.pk, because)
    used = (
        f"its {job.max_retries} retries are used up" if may_repeat else "its handler is not declared safe to repeat"
    )
    return engine.settle(Claim.of(job), _failed(f"{because}; {used}"))


def _put_back(job: Job) -> bool:
    """A job of a chunk that was never begun: nobody needs to know."""
    if job.started_at is not None or not engine.put_back([Claim.of(job)]):
        return False
    slots.free(job.pk)
    return True


def _back(because: str, *, counts: bool, after_s: float = 0.0) -> Outcome:
    return Outcome(
        status=JobStatus.QUEUED,
        error_code=WORKER_LOST,
        error_message=because,
        waiting_reason=because,
        retry_after_s=after_s,
        counts_as_failure=counts,
    )


def _failed(because: str) -> Outcome:
    return Outcome(status=JobStatus.FAILED, error_code=WORKER_LOST, error_message=because, counts_as_failure=True)
