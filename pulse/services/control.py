"""Cancel, pause and resume: a person's word about one job."""

from typing import Any

from django.db import transaction

from pulse import clock
from pulse.errors import WrongStatus
from pulse.models import Job
from pulse.publisher import publish_on_commit
from pulse.services.reading import get, get_and_tell, tell
from pulse.states import FINAL, JobStatus, PauseReason


def cancel(job_id: str, *, reason: str) -> Job:
    """Cancel one job, without its children: see `services.cancel`."""
    now = clock.now()
    waiting = Job.objects.filter(pk=job_id, status__in=[JobStatus.QUEUED, JobStatus.PAUSED])
    running = Job.objects.filter(pk=job_id, status=JobStatus.RUNNING)
    while True:
        ended = {
            "status": JobStatus.CANCELLED,
            "finished_at": now,
            "error_code": "cancelled",
            "error_message": reason,
        }
        if waiting.update(**ended, waiting_reason="", resume_at=None):
            return get_and_tell(job_id)
        if running.update(cancel_requested_at=now, waiting_reason=f"is being stopped: {reason}"):
            return get_and_tell(job_id)
        job = get(job_id)
        if job.status == JobStatus.CANCELLED:
            return job
        if job.status in FINAL:
            raise WrongStatus(f"job {job_id} is {job.status}: it cannot be cancelled any more", current=job.status)


def pause(job_id: str, *, reason: str = "") -> Job:
    """Hold a job. A queued one at once, a running one at its next checkpoint. Raises NotFound, WrongStatus."""
    because = f"paused by an operator{f': {reason}' if reason else ''}"
    held = {"pause_reason": PauseReason.USER_REQUESTED, "waiting_reason": because, "resume_at": None}
    queued = Job.objects.filter(pk=job_id, status=JobStatus.QUEUED)
    running = Job.objects.filter(pk=job_id, status=JobStatus.RUNNING)
    while True:
        if queued.update(status=JobStatus.PAUSED, waiting_gate="", **held):
            return get_and_tell(job_id)
        if running.update(pause_requested_at=clock.now()):
            return get_and_tell(job_id)
        job = get(job_id)
        if job.status == JobStatus.PAUSED:
            return job
        if job.status in FINAL:
            raise WrongStatus(f"job {job_id} is {job.status}: it cannot be paused any more", current=job.status)


def resume(job_id: str) -> Job:
    """Put a paused job back into the queue. Raises NotFound, WrongStatus."""
    with transaction.atomic():
        moved = Job.objects.filter(pk=job_id, status=JobStatus.PAUSED).update(**back_in_queue())
        job = get(job_id)
        if not moved:
            raise WrongStatus(f"job {job_id} is {job.status}: only a paused job can be resumed", current=job.status)
        publish_on_commit([job])
        tell(job)
    return job


def back_in_queue() -> dict[str, Any]:
    """The fields of a job that may run again, and whose message is on its way."""
    return {
        "status": JobStatus.QUEUED,
        "pause_reason": "",
        "waiting_reason": "",
        "waiting_gate": "",
        "resume_at": None,
        "published_at": clock.now(),
    }
