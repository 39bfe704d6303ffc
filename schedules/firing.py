"""Firing what is due: claim schedules, decide what comes of each due time, write the jobs, move on. One transaction.

Any number of beats may fire at once. The row locks share the work out (SKIP LOCKED) and go when their holder dies;
the unique key of a job's schedule and due time keeps any due time from being fired twice, whatever happens.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import connection, transaction
from django.db.models import Min
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from pulse import events
from pulse import services as jobs
from pulse.errors import PulseError
from pulse.models import Job
from schedules import beside
from schedules.models import ENDED, Schedule, ScheduleState

BATCH: Final = 500  # schedules one transaction claims at most
ADVANCE: Final = """
UPDATE pulse_schedule s SET
    next_run_at = x.next_run_at,
    last_run_at = CASE WHEN x.job_id IS NULL THEN s.last_run_at ELSE statement_timestamp() END,
    last_job_id = coalesce(x.job_id, s.last_job_id),
    run_count = s.run_count + (x.job_id IS NOT NULL)::int
FROM unnest(%s::text[], %s::timestamptz[], %s::text[]) AS x(id, next_run_at, job_id)
WHERE s.id = x.id
RETURNING s.id, s.state, s.next_run_at, s.last_run_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """What comes of one due time."""

    schedule: Schedule
    job: Job | None = None
    next_run_at: datetime | None = None
    ends: ScheduleState | None = None  # the state it leaves `active` for
    because: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    """What one transaction did. The caller publishes the jobs."""

    jobs: list[Job] = field(default_factory=list)
    is_full: bool = False  # there may be more that is due
    lag_s: float = 0.0  # how late the most overdue one was


def fire_due(limit: int = BATCH) -> Fired:
    """Fire up to `limit` due schedules. Raises django.db.Error."""
    with transaction.atomic():
        due = list(Schedule.objects.due().select_for_update(skip_locked=True)[:limit])
        if not due:
            return Fired()
        ticks = _with_free_tasks([decide(schedule, schedule.db_now) for schedule in due])
        written = jobs.insert_jobs([tick.job for tick in ticks if tick.job])
        _end(ticks)
        _advance(ticks, {job.pk for job in written})
        for job in written:
            jobs.tell(job)
    return Fired(jobs=written, is_full=len(due) == limit, lag_s=due[0].lag.total_seconds())


def decide(schedule: Schedule, now: datetime) -> Tick:
    """One job for the due time, however late it is, and the next due time after now: nothing is made up for twice.

    A schedule that cannot run is paused with the reason, and one without a due time left ends; neither stops others.
    """
    if schedule.ends_at and schedule.ends_at <= now:
        return Tick(schedule=schedule, ends=ScheduleState.INACTIVE, because=ENDED)
    try:
        following = None if schedule.is_one_off else schedule.due_after(now)
        job = jobs.new_job(
            schedule.handler_name,
            schedule.payload,
            source="schedule",
            schedule_id=schedule.pk,
            due_at=schedule.next_run_at,
            is_checked=True,  # a payload model that raises must not stop the other schedules
        )
    except PulseError as error:
        return Tick(schedule=schedule, ends=ScheduleState.PAUSED, because=f"it could not be fired: {error.message}")
    if following is None:
        because = "it ran once, as asked" if schedule.is_one_off else ENDED
        return Tick(schedule=schedule, job=job, ends=ScheduleState.INACTIVE, because=because)
    return Tick(schedule=schedule, job=job, next_run_at=following)


def seconds_to_next() -> float | None:
    """How long until the next due time, by the database's clock; below 0 when one is overdue, None without any."""
    active = Schedule.objects.filter(state=ScheduleState.ACTIVE)
    left = active.aggregate(left=Min("next_run_at") - Now())["left"]
    return None if left is None else left.total_seconds()


def _with_free_tasks(ticks: list[Tick]) -> list[Tick]:
    """Leaves for the next time what ends but whose PeriodicTask somebody is editing: to wait could be a deadlock."""
    wanted = {tick.schedule.periodic_task_id for tick in ticks if tick.ends}
    if not wanted:
        return ticks
    free = PeriodicTask.objects.select_for_update(skip_locked=True).filter(pk__in=wanted)
    taken = wanted - set(free.values_list("pk", flat=True)) - {None}
    return [tick for tick in ticks if not tick.ends or tick.schedule.periodic_task_id not in taken]


def _end(ticks: list[Tick]) -> None:
    ended = []
    for tick in ticks:
        if tick.ends:
            Schedule.objects.move(tick.schedule.pk, tick.ends, state_reason=tick.because, next_run_at=None)
            PeriodicTask.objects.filter(schedule=tick.schedule.pk).update(**beside.OFF)
            ended.append(tick.schedule)
    if ended:
        beside.remember(*ended)


def _advance(ticks: list[Tick], written: set[str]) -> None:
    ids = [tick.schedule.pk for tick in ticks]
    due = [tick.next_run_at for tick in ticks]
    fired = [tick.job.pk if tick.job and tick.job.pk in written else None for tick in ticks]
    with connection.cursor() as cursor:
        cursor.execute(ADVANCE, [ids, due, fired])
        for schedule_id, state, next_run_at, last_run_at in cursor.fetchall():
            events.emit(
                events.ScheduleUpdate(
                    scheduled_job_id=schedule_id, state=state, next_run_at=next_run_at, last_run_at=last_run_at
                )
            )
