"""Parents and children: jobs that ask for further jobs, and may wait for them without holding a worker."""

from typing import Any

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from pulse.errors import WrongStatus
from pulse.models import Job
from pulse.publisher import bundle, publish, publish_on_commit
from pulse.services import control
from pulse.services.enqueue import INSERT_BATCH, new_job
from pulse.services.reading import get
from pulse.states import ACTIVE, FINAL, JobStatus, OnParentFailure, PauseReason


def enqueue_children(
    parent_id: str, execution_id: str, wanted: list[tuple[str, dict[str, Any] | None]], **options: Any
) -> list[Job]:
    """Ask for jobs on behalf of a running one, all or none. Raises WrongStatus when its try is over.

    The options are those of `new_job`.
    """
    children = bundle([new_job(handler, payload, parent_id=parent_id, **options) for handler, payload in wanted])
    with transaction.atomic():
        mine = Job.objects.filter(pk=parent_id, execution_id=execution_id, status=JobStatus.RUNNING)
        if not mine.select_for_update().exists():  # the lock keeps the parent from being settled meanwhile
            raise WrongStatus(f"job {parent_id} is not running this try any more: it cannot have new children")
        Job.objects.bulk_create(children, batch_size=INSERT_BATCH)
        publish_on_commit([child for child in children if child.published_at])
    return children


def children_of(parent_id: str) -> QuerySet[Job]:
    """Its children, oldest first."""
    return Job.objects.filter(parent_id=parent_id).order_by("created_at", "id")


def cancel(job_id: str, *, reason: str = "cancelled by an operator") -> Job:
    """Stop a job that is not final, and its children; asking twice is the same as once.

    A waiting job is cancelled at once; a running handler is told at its next look (`run.check_cancelled`), and
    after `PULSE_CANCEL_GRACE_S` its process is ended. Raises NotFound, WrongStatus.
    """
    job = control.cancel(job_id, reason=reason)
    if job.status == JobStatus.CANCELLED:
        after_end(job_id, JobStatus.CANCELLED, job.parent_id)
    return job


def after_end(job_id: str, status: JobStatus, parent_id: str | None) -> None:
    """What the end of one job means for its family: its children may be cancelled, its parent may go on."""
    if status == JobStatus.CANCELLED:
        cancel_children(children_of(job_id), reason="parent job cancelled")
    elif status == JobStatus.FAILED:
        bound = children_of(job_id).filter(on_parent_failure=OnParentFailure.CANCEL)
        cancel_children(bound, reason="parent job failed")
    if parent_id:
        wake_parents(Job.objects.filter(pk=parent_id))


def cancel_children(children: QuerySet[Job], *, reason: str) -> int:
    """Cancel those that have not ended; finished ones stay as they are. Returns how many were told."""
    told = 0
    for child_id in children.filter(status__in=ACTIVE).values_list("pk", flat=True):
        try:
            cancel(child_id, reason=reason)
        except WrongStatus:
            continue  # it ended meanwhile
        told += 1
    return told


def wake_parents(parents: QuerySet[Job]) -> int:
    """Put parents that waited for their children, and have no active one left, back into the queue."""
    active = Job.objects.filter(parent_id=OuterRef("pk"), status__in=ACTIVE)
    waiting = parents.filter(status=JobStatus.PAUSED, pause_reason=PauseReason.WAITING_FOR_CHILDREN)
    ready = list(waiting.exclude(Exists(active))[:INSERT_BATCH])
    woken = [job for job in ready if waiting.filter(pk=job.pk).update(**control.back_in_queue())]
    publish(woken)
    return len(woken)


def end_abandoned() -> int:
    """Cancel children whose parent ended before anybody could tell them. Returns how many were told."""
    active = Job.objects.active().filter(cancel_requested_at=None)
    lost = cancel_children(active.filter(parent__status=JobStatus.CANCELLED), reason="parent job cancelled")
    bound = active.filter(parent__status=JobStatus.FAILED, on_parent_failure=OnParentFailure.CANCEL)
    return lost + cancel_children(bound, reason="parent job failed")


def delete(job_id: str) -> None:
    """Remove a job that has ended; its children that have not are cancelled. Raises NotFound, WrongStatus.

    Its executions and log lines stay until their own time is over.
    """
    with transaction.atomic():
        get(job_id)
        job = Job.objects.select_for_update().get(pk=job_id)
        if job.status not in FINAL:
            raise WrongStatus(f"job {job_id} is {job.status}: cancel it before deleting it", current=job.status)
        cancel_children(children_of(job_id), reason="parent job deleted")
        job.delete()


def family_summary(job: Job) -> dict[str, Any]:
    """Counts by status, progress (share of children that ended) and cost of a job's children."""
    rows = list(children_of(job.pk).values_list("status", "cost_micros"))
    ended = sum(status in FINAL for status, _ in rows)
    return {
        "count": len(rows),
        "by_status": {status: sum(row == status for row, _ in rows) for status in JobStatus.values},
        "progress_pct": 100 * ended / len(rows) if rows else 0.0,
        "cost_micros": sum(cost for _, cost in rows),
    }
