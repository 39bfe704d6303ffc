"""Other people's edits of PeriodicTasks: in the Django admin, by an existing app, by django-celery-beat itself.

`sync` makes the Schedule say what the PeriodicTask says. The receivers in `signals` call it for single saves, and the
ticker for whatever was changed without a signal (`QuerySet.update`, an edited interval or crontab row).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django_celery_beat.models import PeriodicTask

from pulse import clock
from pulse import services as jobs
from schedules import beside, services
from schedules.models import ENDED, Schedule, ScheduleState
from schedules.refusals import Refusals
from schedules.timing import TICK

DISABLED: Final = "disabled in django-celery-beat"
LIVING: Final = frozenset({ScheduleState.ACTIVE, ScheduleState.PAUSED})


@dataclass(frozen=True, slots=True)
class Reading:
    """What a PeriodicTask asks for."""

    columns: dict[str, Any]  # of the Schedule
    fault: str  # why it cannot run; empty where it can

    def due_after(self, after: datetime, *, anchor: datetime) -> datetime | None:
        """The next due time; None: never again, or it cannot run."""
        return None if self.fault else Schedule(anchor_at=anchor, **self.columns).due_after(after)


def sync(task_id: int) -> None:
    """Make, update, pause or resume the schedule beside one PeriodicTask. What cannot run is paused with the reason.

    A PeriodicTask that is enabled again after its schedule had ended gets a new schedule: an ended one stays ended.
    """
    with transaction.atomic():
        task = PeriodicTask.objects.select_for_update().filter(pk=task_id).first()
        if task is None:
            return
        schedule = Schedule.objects.select_for_update().filter(periodic_task=task).first()
        if schedule is not None and task.enabled and schedule.state not in LIVING:
            Schedule.objects.filter(pk=schedule.pk).update(periodic_task=None)
            schedule = None
        synced = _added(task) if schedule is None else _updated(task, schedule)
        if task.enabled and synced.state != ScheduleState.ACTIVE:
            PeriodicTask.objects.filter(pk=task.pk).update(**beside.OFF)
        beside.remember(synced)
        services.tell(synced)


def sync_unseen(limit: int) -> int:
    """Sync up to `limit` PeriodicTasks that their schedules do not know as they are now. Returns how many."""
    found = beside.unseen(limit)
    for task_id in found:
        sync(task_id)
    return len(found)


def retire(task_id: int) -> None:
    """A PeriodicTask is being deleted: its schedule goes with it, as if it had been deleted itself."""
    with transaction.atomic():
        PeriodicTask.objects.select_for_update().filter(pk=task_id).first()
        for schedule in Schedule.objects.present().select_for_update().filter(periodic_task=task_id):
            services.retire(schedule, reason="its periodic task was deleted")


def _added(task: PeriodicTask) -> Schedule:
    """The first due time is looked for from the last run on: what was missed since is made up for by one run."""
    reading = _read(task, task.name)
    now = clock.now()
    anchor = task.start_time or task.last_run_at or now
    after = task.last_run_at or now
    if task.clocked and not task.last_run_at:
        after = min(after, task.clocked.clocked_time - TICK)
    due = reading.due_after(after, anchor=anchor)
    if reading.fault:
        state, reason = ScheduleState.PAUSED, reading.fault
    elif not task.enabled:
        state, reason = ScheduleState.PAUSED, DISABLED
    else:
        state, reason = (ScheduleState.ACTIVE, "") if due else (ScheduleState.INACTIVE, ENDED)
    return Schedule.objects.create(
        periodic_task=task,
        state=state,
        state_reason=reason,
        anchor_at=anchor,
        next_run_at=due if state == ScheduleState.ACTIVE else None,
        created_from="django-celery-beat",
        **reading.columns,
    )


def _updated(task: PeriodicTask, schedule: Schedule) -> Schedule:
    """A due time that is overdue stays due, unless the times were edited."""
    reading = _read(task, beside.plain_name(task, schedule.pk))
    anchor = task.start_time or schedule.anchor_at
    retimed = any(
        getattr(schedule, name) != value for name, value in reading.columns.items() if name in beside.TIMING
    )
    state, reason, due = ScheduleState(schedule.state), schedule.state_reason, schedule.next_run_at
    if task.enabled and reading.fault:
        state, reason, due = ScheduleState.PAUSED, reading.fault, None
    elif task.enabled and (retimed or state == ScheduleState.PAUSED):
        due = reading.due_after(clock.now(), anchor=anchor)
        state, reason = (ScheduleState.ACTIVE, "") if due else (ScheduleState.INACTIVE, ENDED)
    elif not task.enabled and state == ScheduleState.ACTIVE:
        state, reason, due = ScheduleState.PAUSED, DISABLED, None
    columns = {**reading.columns, "anchor_at": anchor, "state_reason": reason, "next_run_at": due}
    if state == schedule.state:
        Schedule.objects.filter(pk=schedule.pk).update(updated_at=clock.now(), **columns)
    else:
        Schedule.objects.move(schedule.pk, state, **columns)
    return Schedule.objects.get(pk=schedule.pk)


def _read(task: PeriodicTask, name: str) -> Reading:
    columns: dict[str, Any] = {"name": name, "handler_name": beside.CELERY_TASK, "payload": {"task": task.task}}
    columns |= dict.fromkeys(("interval_s", "cron", "once_at"))
    refusals = Refusals()
    with refusals.collect():
        columns |= beside.timing_of(task)
        Schedule(**columns).due_after(clock.now())
    with refusals.collect():
        columns["handler_name"], columns["payload"] = beside.work_of(task)
        columns["payload"] = jobs.validated_payload(columns["handler_name"], columns["payload"])
    return Reading(columns, "; ".join(fault.message for fault in refusals.found))
