"""Every write that a person or another app may ask of a schedule."""

from contextlib import suppress
from typing import Any, Final, Unpack

from django.db import transaction
from django_celery_beat.models import PeriodicTask

from pulse import clock, events
from pulse import services as jobs
from pulse.errors import NotFound, WrongStatus
from pulse.ids import normal
from pulse.models import Job
from schedules import beside, edits
from schedules.edits import Changes, New
from schedules.models import Schedule, ScheduleState

TRIGGERABLE: Final = frozenset({ScheduleState.ACTIVE, ScheduleState.PAUSED})


def create(**fields: Unpack[New]) -> Schedule:
    """A new active schedule; one with an interval is due for the first time now.

    Raises UnknownHandler, InvalidPayload, InvalidInput; an InvalidInput that lists them where several are at fault.
    """
    schedule = edits.new_schedule(**fields, now=clock.now())
    with transaction.atomic():
        task = PeriodicTask(
            name=beside.unique_name(schedule.name, schedule.pk),
            **beside.written(schedule.handler_name, schedule.payload),
            **edits.task_columns_of(schedule.rule),
        )
        PeriodicTask.objects.bulk_create([task])
        schedule.periodic_task = task
        schedule.save(force_insert=True)
        beside.remember(schedule)
        tell(schedule)
    return get(schedule.pk)


def update(schedule_id: str, **changes: Unpack[Changes]) -> Schedule:
    """Change what is named and nothing else; all of it is checked before any of it is written.

    Intervals keep counting from the first due time. Resuming or changing the times fires nothing at once.
    Raises NotFound, WrongStatus (with the current state), and what `create` raises.
    """
    now = clock.now()
    with transaction.atomic():
        schedule = locked(schedule_id)
        edit = edits.edit_of(schedule, changes, now)
        if edit.to == schedule.state:
            Schedule.objects.filter(pk=schedule.pk).update(updated_at=now, **edit.schedule)
        else:
            Schedule.objects.move(schedule.pk, edit.to, **edit.schedule)
        timed = edits.task_columns_of(edit.rule) if edit.rule else {}
        PeriodicTask.objects.filter(schedule=schedule.pk).update(date_changed=now, **edit.task, **timed)
        beside.remember(schedule)
        changed = get(schedule.pk)
        tell(changed)
    return changed


def pause(schedule_id: str, *, reason: str = "") -> Schedule:
    """Fire no more until it is resumed. Raises NotFound, WrongStatus."""
    return _acted(schedule_id, ScheduleState.PAUSED, reason)


def resume(schedule_id: str) -> Schedule:
    """Go on with the next due time; nothing that was missed is made up for.

    Raises NotFound, WrongStatus, and InvalidInput where it could not fire: its handler is gone, its payload no longer
    fits, or no due time is left.
    """
    return _acted(schedule_id, ScheduleState.ACTIVE)


def delete(schedule_id: str, *, reason: str = "its schedule was deleted") -> None:
    """Take a schedule away and cancel its jobs that have not ended; its history stays. Raises NotFound."""
    with transaction.atomic():
        schedule = locked(schedule_id)
        retire(schedule, reason=reason)
        PeriodicTask.objects.filter(schedule=schedule.pk).delete()


def retire(schedule: Schedule, *, reason: str) -> None:
    """Mark a locked schedule as deleted and cancel its jobs; its PeriodicTask is the caller's to delete."""
    if not Schedule.objects.move(schedule.pk, ScheduleState.DELETED, state_reason=reason, next_run_at=None):
        return
    for job_id in Job.objects.active().filter(schedule_id=schedule.pk).values_list("pk", flat=True):
        with suppress(WrongStatus):  # it ended meanwhile
            jobs.cancel(job_id, reason=reason)
    tell(Schedule.objects.get(pk=schedule.pk))


def trigger(schedule_id: str, payload: dict[str, Any] | None = None, *, source: str = "manual") -> Job:
    """One job now, beside the due times: with the schedule's payload, or with the one given. Also when it is paused.

    Raises NotFound, WrongStatus, UnknownHandler, InvalidPayload.
    """
    with transaction.atomic():
        schedule = _locked_schedule(schedule_id)
        if schedule.state not in TRIGGERABLE:
            raise WrongStatus(f"schedule {schedule.pk} is {schedule.state}: it cannot be run", current=schedule.state)
        given = schedule.payload if payload is None else payload
        job = jobs.enqueue(schedule.handler_name, given, schedule_id=schedule.pk, source=source)
        Schedule.objects.filter(pk=schedule.pk).update(last_job_id=job.pk, last_run_at=clock.now())
        tell(get(schedule.pk))
    return job


def finish_stopping() -> int:
    """Stopping schedules whose last job has ended become inactive. Returns how many."""
    stopped = list(Schedule.objects.stopped().values_list("pk", flat=True))
    return sum(Schedule.objects.move(schedule_id, ScheduleState.INACTIVE) for schedule_id in stopped)


def get(schedule_id: str) -> Schedule:
    """A schedule that is not deleted, with the status of its newest job. Raises NotFound."""
    found = Schedule.objects.present().with_last_job().filter(pk=normal(schedule_id)).first()
    if found is None:
        raise NotFound(f"there is no schedule {schedule_id}")
    return found


def locked(schedule_id: str) -> Schedule:
    """The schedule, locked together with its PeriodicTask. Raises NotFound."""
    beside_it = PeriodicTask.objects.filter(schedule__pk=normal(schedule_id))
    beside_it.select_for_update(of=("self",)).first()
    return _locked_schedule(schedule_id)


def _locked_schedule(schedule_id: str) -> Schedule:
    found = Schedule.objects.present().select_for_update().filter(pk=normal(schedule_id)).first()
    if found is None:
        raise NotFound(f"there is no schedule {schedule_id}")
    return found


def _acted(schedule_id: str, to: ScheduleState, reason: str = "") -> Schedule:
    """Unlike an edit, an action is refused where nothing is left to do."""
    with transaction.atomic():
        schedule = locked(schedule_id)
        if schedule.state == to:
            raise WrongStatus(f"schedule {schedule.pk} is {to} already", current=to)
        return update(schedule.pk, state=to, state_reason=reason)


def tell(schedule: Schedule) -> None:
    events.emit(
        events.ScheduleUpdate(
            scheduled_job_id=schedule.pk,
            state=schedule.state,
            next_run_at=schedule.next_run_at,
            last_run_at=schedule.last_run_at,
        )
    )
