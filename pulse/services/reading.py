"""Finding one job, and telling the browsers what became of it."""

from pulse import events
from pulse.errors import NotFound
from pulse.models import Job


def get(job_id: str) -> Job:
    """Raises NotFound."""
    try:
        return Job.objects.get(pk=job_id)
    except Job.DoesNotExist:
        raise NotFound(f"there is no job {job_id}") from None


def tell(job: Job) -> None:
    events.emit(
        events.JobUpdate(
            job_id=job.pk,
            scheduled_job_id=job.schedule_id,
            handler_name=job.handler_name,
            status=job.status,
            waiting_reason=job.waiting_reason,
        )
    )


def get_and_tell(job_id: str) -> Job:
    """The job as it now is, after the browsers were told. Raises NotFound."""
    job = get(job_id)
    tell(job)
    return job
