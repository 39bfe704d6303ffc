"""What every beat does each second beside firing schedules: nothing that waits is forgotten.

Any number of beats may sweep at once: each step is a conditional UPDATE, or finds its rows with SKIP LOCKED.
"""

from datetime import datetime, timedelta
from typing import Final

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Count

from pulse import orphans, services
from pulse.models import Job
from pulse.publisher import BROKER_FAULTS, publish
from pulse.states import JobStatus

BATCH: Final = 1000  # rows one sweep publishes at most


def sweep(now: datetime) -> None:
    """Reap orphans, wake paused jobs whose time has come, publish what is due and what the broker lost."""
    orphans.reap(now)
    wake(now)
    publish(take_unpublished(now))
    publish(take_lost(now))


def wake(now: datetime) -> int:
    """Put paused jobs whose `resume_at` passed back into the queue; `take_unpublished` then publishes them."""
    fields = services.back_in_queue() | {"published_at": None}
    return Job.objects.waking(now).update(**fields)


def take_unpublished(now: datetime) -> list[Job]:
    """Due jobs that no message was sent for, marked as published."""
    with transaction.atomic():
        found = Job.objects.due(now).filter(published_at=None).order_by("run_at", "created_at")
        return _marked(list(found.select_for_update(skip_locked=True)[:BATCH]), now)


def take_lost(now: datetime) -> list[Job]:
    """Jobs published long ago that the broker holds no message of: it has fewer messages than there are such jobs."""
    before = now - timedelta(seconds=settings.PULSE_REPUBLISH_AFTER_S)
    stale = Job.objects.due(now).filter(published_at__lt=before)
    waiting = dict(stale.values_list("queue").annotate(jobs=Count("pk")))
    taken: list[Job] = []
    for queue, jobs in waiting.items():
        missing = jobs - depth(queue)
        if missing <= 0:
            continue
        with transaction.atomic():
            found = stale.filter(queue=queue).order_by("published_at").select_for_update(skip_locked=True)
            taken += _marked(list(found[: min(missing, BATCH)]), now)
    return taken


def depth(queue: str) -> int:
    """How many messages the broker holds for a queue; 0 when it does not answer."""
    with current_app.connection_for_read() as connection:
        try:
            return int(connection.default_channel.queue_declare(queue=queue, passive=True).message_count)
        except (*BROKER_FAULTS, *connection.connection_errors, *connection.channel_errors):
            return 0


def _marked(jobs: list[Job], now: datetime) -> list[Job]:
    Job.objects.filter(pk__in=[job.pk for job in jobs], status=JobStatus.QUEUED).update(
        published_at=now, waiting_reason=""
    )
    return jobs
