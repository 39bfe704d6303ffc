"""Concurrency limits over all workers: a limit of n is n rows, and a job that runs sits in one of them.

Taking a row is one UPDATE that skips rows others are taking; it is freed in the statement that settles the job, so a
crash at any line leaves no slot behind that the reaper does not free.
"""

from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet

from pulse import clock
from pulse.models import Job, Slot
from pulse.publisher import publish
from pulse.recorders import Recorder
from pulse.registry import registry
from pulse.run import Claim
from pulse.states import JobStatus

WOKEN_AT_ONCE: Final = 100  # jobs whose limit was taken away
GATE: Final = "pulse.gates.concurrency"
TAKE: Final = """
UPDATE pulse_slot SET job_id = %(job_id)s WHERE id = (
    SELECT id FROM pulse_slot
    WHERE name = %(name)s AND number <= %(limit)s AND (job_id IS NULL OR job_id = %(job_id)s)
    ORDER BY job_id IS NULL, number LIMIT 1 FOR UPDATE SKIP LOCKED)
"""
MAKE: Final = """
INSERT INTO pulse_slot (name, number) SELECT %(name)s, generate_series(1, %(limit)s)
ON CONFLICT (name, number) DO NOTHING
"""
# A worker that was held up may sit down for a job that was taken from it meanwhile.
FREE_LEFT: Final = """
UPDATE pulse_slot SET job_id = NULL WHERE job_id IS NOT NULL
    AND NOT EXISTS (SELECT FROM pulse_job WHERE pulse_job.id = pulse_slot.job_id AND status = 'running')
"""


def limits_of(handler_name: str, concurrency_key: str) -> list[tuple[str, int]]:
    """The limits a job falls under, as (name, how many)."""
    handler = registry.get(handler_name)
    found = []
    if handler.max_concurrent is not None:
        found.append((f"handler:{handler_name}", handler.max_concurrent))
    if handler.max_concurrent_per_key is not None and concurrency_key:
        found.append((f"key:{handler_name}:{concurrency_key}", handler.max_concurrent_per_key))
    return found


def take(job_id: str, name: str, limit: int) -> bool:
    """Sit down in a free place, or stay where the job sits already. False when all are taken."""
    given: dict[str, str | int] = {"job_id": job_id, "name": name, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(TAKE, given)
        if cursor.rowcount == 1:
            return True
        cursor.execute(MAKE, given)
        if cursor.rowcount == 0:
            return False
        cursor.execute(TAKE, given)
        return bool(cursor.rowcount == 1)


def free(job_id: str) -> None:
    Slot.objects.filter(job_id=job_id).update(job_id=None)


def free_left() -> int:
    """Free the places of jobs that do not run. Returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(FREE_LEFT)
        return int(cursor.rowcount)


def wake_waiting() -> None:
    """Put as many jobs back into the queue as there are free places, first come first served within a priority."""
    waiting = Job.objects.filter(status=JobStatus.PAUSED, waiting_gate=GATE)
    for name, key in waiting.order_by().values_list("handler_name", "concurrency_key").distinct():
        if name in registry:
            _wake(waiting.filter(handler_name=name, concurrency_key=key), limits_of(name, key))


def _wake(waiting: QuerySet[Job], limits: list[tuple[str, int]]) -> None:
    room = min((limit - _taken(name) for name, limit in limits), default=WOKEN_AT_ONCE)
    with transaction.atomic():
        first = list(waiting.order_by("priority", "created_at").select_for_update(skip_locked=True)[: max(0, room)])
        Job.objects.filter(pk__in=[job.pk for job in first]).update(
            status=JobStatus.QUEUED, waiting_gate="", waiting_reason="", pause_reason="", published_at=clock.now()
        )
    publish(first)


def _taken(name: str) -> int:
    return Slot.objects.filter(name=name, job_id__isnull=False).count()


class SlotRecorder(Recorder):
    """Frees the job's places in the statement that settles it, and lets the next one try."""

    settle_sql = "freed AS (UPDATE pulse_slot SET job_id = NULL FROM job WHERE pulse_slot.job_id = job.id)"

    def end(self, claim: Claim, *, settled: bool) -> None:
        if settled and claim.handler_name in registry and limits_of(claim.handler_name, claim.concurrency_key):
            wake_waiting()
