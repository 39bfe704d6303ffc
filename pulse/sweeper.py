"""What every beat does each second beside firing schedules: what waits is not forgotten, and says why it waits.

Any number of beats may sweep at once: each step is a conditional UPDATE, or finds its rows with SKIP LOCKED.
"""

import time
from datetime import datetime, timedelta
from typing import Final

from celery import current_app
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef, QuerySet, Value
from django.db.models.functions import Coalesce, NullIf

from pulse import engine, orphans, services, slots
from pulse.models import Job, Worker
from pulse.outcomes import Outcome
from pulse.publisher import BROKER_FAULTS, bundle, publish
from pulse.recorders import recorders
from pulse.run import Claim
from pulse.states import JobStatus

BATCH: Final = 1000  # rows one step takes at most
SLOW_EVERY_S: Final = 5.0  # between the steps that ask the broker or look at every queue
BREAK_S: Final = 4.0  # without a sweep: the database was away, or this process was
HEARTBEATS_WAITED: Final = 3
STARVING_BATCH: Final = 100
AHEAD_OF_ALL: Final = 0  # the priority that is taken first
NOBODY_LISTENS: Final = "no worker listens on queue "
MESSAGE: Final = Coalesce(NullIf("message_id", Value("")), "id")  # what a job was published in

_slow_at = 0.0


class Watch:
    """How long this process has been sweeping without a break.

    After an outage of the database the heartbeats of living workers look old: they get the time to write new ones.
    """

    def __init__(self) -> None:
        self.since = self.seen = float("-inf")  # of the monotonic clock

    def is_long_enough(self, now: float) -> bool:
        if now - self.seen > BREAK_S:
            self.since = now
        self.seen = now
        enough: bool = now - self.since >= HEARTBEATS_WAITED * settings.PULSE_WORKER_HEARTBEAT_S
        return enough


_watch = Watch()


def sweep(now: datetime) -> None:
    """Everything once; the costly steps every few seconds."""
    global _slow_at  # noqa: PLW0603  when this process last did the costly steps
    if _watch.is_long_enough(time.monotonic()):
        orphans.reap(now)
    end_unresponsive(now)
    wake(now)
    slots.wake_waiting()
    publish(take_unpublished(now))
    if time.monotonic() - _slow_at >= SLOW_EVERY_S:
        _slow_at = time.monotonic()
        lost = take_lost(now)
        publish(lost)
        publish(take_starving(now))
        slots.free_left()
        services.end_abandoned()
        services.wake_parents(Job.objects.all())
        explain_queues(now)
        for recorder in recorders():
            recorder.sweep(now)
        if len(lost) >= BATCH:
            _slow_at = 0.0  # there may be more


def wake(now: datetime) -> int:
    """Put paused jobs whose `resume_at` passed back into the queue; `take_unpublished` then publishes them."""
    fields = services.back_in_queue() | {"published_at": None}
    return Job.objects.waking(now).update(**fields)


def take_unpublished(now: datetime) -> list[Job]:
    """Due jobs that no message was sent for, marked as published."""
    with transaction.atomic():
        found = Job.objects.due(now).filter(published_at=None).order_by("priority", "run_at", "created_at")
        return _marked(list(found.select_for_update(skip_locked=True)[:BATCH]), now)


def take_lost(now: datetime) -> list[Job]:
    """Jobs published long ago that the broker holds no message of: it has fewer messages than there are queued jobs.

    The oldest are taken. Where some are still on their way, one of them may be sent twice, which does nothing.
    """
    before = now - timedelta(seconds=settings.PULSE_REPUBLISH_AFTER_S)
    published = Job.objects.due(now).exclude(published_at=None).order_by()
    stale = published.filter(published_at__lt=before)
    taken: list[Job] = []
    for queue in stale.values_list("queue", flat=True).distinct():
        messages = published.filter(queue=queue).aggregate(n=Count(MESSAGE, distinct=True))["n"]
        missing = messages - depth(queue)
        if missing > 0:
            taken += _oldest(stale.filter(queue=queue), missing, now)
    return taken


def _oldest(stale: QuerySet[Job], messages: int, now: datetime) -> list[Job]:
    """The jobs of that many messages, marked as published now."""
    oldest = stale.annotate(message=MESSAGE).values("message").annotate(at=Min("published_at")).order_by("at")
    wanted = [row["message"] for row in oldest[: min(messages, BATCH)]]
    with transaction.atomic():
        found = stale.annotate(message=MESSAGE).filter(message__in=wanted).order_by("published_at")
        return _marked(list(found.select_for_update(skip_locked=True)[:BATCH]), now)


def take_starving(now: datetime) -> list[Job]:
    """Jobs that more urgent ones have kept waiting for long, to be published once more ahead of all others.

    Their message at their own priority stays behind; whichever comes first is taken, the other one does nothing.
    """
    before = now - timedelta(seconds=settings.PULSE_PRIORITY_AGING_S)
    urgent = Job.objects.filter(status=JobStatus.QUEUED, queue=OuterRef("queue"), priority__lt=OuterRef("priority"))
    old = Job.objects.due(now).filter(created_at__lt=before, aged_at=None, priority__gt=0)
    with transaction.atomic():
        found = old.filter(Exists(urgent)).order_by("created_at").select_for_update(skip_locked=True, of=("self",))
        starving = list(found[:STARVING_BATCH])
        Job.objects.filter(pk__in=[job.pk for job in starving]).update(aged_at=now)
    for job in starving:
        job.priority, job.message_id = AHEAD_OF_ALL, ""
    return starving


def end_unresponsive(now: datetime) -> int:
    """End the process of jobs that were told to stop and did not within the grace. Threads can only be asked."""
    before = now - timedelta(seconds=settings.PULSE_CANCEL_GRACE_S)
    deaf = Job.objects.filter(status=JobStatus.RUNNING, cancel_requested_at__lt=before)
    killable = Worker.objects.filter(pool="prefork").values("pk")
    jobs = list(deaf.filter(worker_id__in=killable)[:BATCH])
    for job in jobs:
        current_app.control.revoke(job.message_id or job.pk, terminate=True, signal="SIGKILL")
        because = f"cancelled: it did not stop within {settings.PULSE_CANCEL_GRACE_S:.0f} s, its process was ended"
        outcome = Outcome(status=JobStatus.CANCELLED, error_code="cancelled", error_message=because)
        engine.settle(Claim.of(job), outcome)
    asked = "is asked to stop; its worker runs threads, which cannot be ended from outside"
    deaf.exclude(worker_id__in=killable).exclude(waiting_reason=asked).update(waiting_reason=asked)
    return len(jobs)


def explain_queues(now: datetime) -> None:
    """Say on queued jobs that no worker listens on their queue, and stop saying so when one does."""
    alive_since = now - timedelta(seconds=settings.PULSE_WORKER_LOST_AFTER_S)
    alive = Worker.objects.filter(stopped_at=None, drain_requested_at=None, heartbeat_at__gte=alive_since)
    served = {queue for queues in alive.values_list("queues", flat=True) for queue in queues}
    queued = Job.objects.due(now)
    told = queued.filter(waiting_reason__startswith=NOBODY_LISTENS)
    told.filter(queue__in=served).update(waiting_reason="")
    silent = queued.exclude(queue__in=served).filter(waiting_reason="")
    for queue in silent.order_by().values_list("queue", flat=True).distinct():
        silent.filter(queue=queue).update(waiting_reason=f"{NOBODY_LISTENS}'{queue}'")


def depth(queue: str) -> int:
    """How many messages the broker holds for a queue; 0 when it does not answer."""
    with current_app.connection_for_read() as connection:
        try:
            return int(connection.default_channel.queue_declare(queue=queue, passive=True).message_count)
        except (*BROKER_FAULTS, *connection.connection_errors, *connection.channel_errors):
            return 0


def _marked(jobs: list[Job], now: datetime) -> list[Job]:
    """The jobs as they are published now, alone or in chunks."""
    Job.objects.filter(pk__in=[job.pk for job in jobs], status=JobStatus.QUEUED).update(
        published_at=now, waiting_reason="", message_id=""
    )
    chunked = [job for job in bundle(jobs) if job.message_id]
    Job.objects.bulk_update(chunked, ["message_id"])
    return jobs
