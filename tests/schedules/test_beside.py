"""PeriodicTasks that other people make, edit and delete: the schedule beside each keeps up with them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import shared_task
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    PeriodicTasks,
    SolarSchedule,
)

from pulse import services as jobs
from pulse.models import Job
from schedules import services, sync
from schedules.models import Schedule
from tests.conftest import FrozenClock

pytestmark = pytest.mark.django_db


@shared_task(name="tests.greet")
def greet(times: int, *, whom: str) -> None:
    """A task of an application that knows nothing of Pulse."""


def periodic(**fields: Any) -> PeriodicTask:
    """A PeriodicTask as the Django admin saves one."""
    if not {"interval", "crontab", "clocked", "solar"} & fields.keys():
        fields["interval"] = IntervalSchedule.objects.create(every=30, period="seconds")
    return PeriodicTask.objects.create(**({"name": "Nightly", "task": "pulse.noop"} | fields))


def beside(task: PeriodicTask) -> Schedule:
    return Schedule.objects.get(periodic_task=task)


class TestSaved:
    def test_a_handlers_name_makes_a_schedule_of_that_handler(self, frozen_clock: FrozenClock) -> None:
        schedule = beside(periodic(task="pulse.sleep", kwargs='{"seconds": 2.5}'))
        assert (schedule.name, schedule.handler_name, schedule.payload) == (
            "Nightly",
            "pulse.sleep",
            {"seconds": 2.5},
        )
        assert (schedule.state, schedule.interval_s) == ("active", 30)
        assert schedule.next_run_at == frozen_clock.now + timedelta(seconds=30)

    def test_any_other_task_is_run_by_the_celery_task_handler(self) -> None:
        schedule = beside(periodic(task="tests.greet", args="[1]", kwargs='{"whom": "ann"}'))
        assert (schedule.state, schedule.handler_name) == ("active", "celery.task")
        assert schedule.payload == {"task": "tests.greet", "args": [1], "kwargs": {"whom": "ann"}}

    def test_a_task_that_nobody_registered_is_paused_and_says_so(self) -> None:
        task = periodic(task="no.such.task")
        schedule = beside(task)
        assert schedule.state == "paused"
        assert "no Celery task 'no.such.task' is registered" in schedule.state_reason
        task.refresh_from_db()
        assert not task.enabled

    def test_what_was_missed_since_the_last_run_is_made_up_for_by_one_run(self, frozen_clock: FrozenClock) -> None:
        last = frozen_clock.now - timedelta(minutes=5)
        schedule = beside(periodic(last_run_at=last))
        assert schedule.next_run_at == last + timedelta(seconds=30)

    def test_a_disabled_one_is_paused(self) -> None:
        schedule = beside(periodic(enabled=False))
        assert (schedule.state, schedule.state_reason) == ("paused", "disabled in django-celery-beat")

    @pytest.mark.parametrize(
        ("row", "reason"),
        [
            (IntervalSchedule(every=0, period="seconds"), "an interval is at least 1 second"),
            (IntervalSchedule(every=-5, period="days"), "an interval is at least 1 second"),
            (IntervalSchedule(every=500_000, period="microseconds"), "this one has 0.5 seconds"),
            (IntervalSchedule(every=2_147_483_647, period="days"), "an interval of 2147483647 days is too long"),
            (CrontabSchedule(minute="nonsense"), "'nonsense * * * *' is no cron expression: bad minute"),
            (CrontabSchedule(day_of_month="30", month_of_year="2", minute="0", hour="0"), "is never due"),
            (SolarSchedule(event="sunrise", latitude=1, longitude=1), "schedules by the sun are not supported"),
        ],
    )
    def test_times_that_cannot_be_followed_pause_it_with_the_reason(self, row: Any, reason: str) -> None:
        row.save()
        name = {"IntervalSchedule": "interval", "CrontabSchedule": "crontab", "SolarSchedule": "solar"}
        schedule = beside(periodic(**{name[type(row).__name__]: row}))
        assert (schedule.state, schedule.next_run_at) == ("paused", None)
        assert reason in schedule.state_reason

    @pytest.mark.parametrize(
        "fields",
        [
            {"kwargs": "not json"},
            {"kwargs": "[1]"},
            {"args": "{}x"},
            {"args": "[1]"},
            {"kwargs": '{"a": "\\u0000"}'},
            {"task": "pulse.sleep", "kwargs": '{"seconds": "long"}'},
        ],
    )
    def test_arguments_that_do_not_fit_pause_it_with_the_reason(self, fields: dict[str, Any]) -> None:
        schedule = beside(periodic(**fields))
        assert schedule.state == "paused"
        assert schedule.state_reason

    def test_celerys_way_of_writing_a_crontab_is_understood(self) -> None:
        row = CrontabSchedule.objects.create(minute="0, 30", hour="*/6", day_of_week="monday-FRI")
        schedule = beside(periodic(crontab=row))
        assert (schedule.state, schedule.cron) == ("active", "0,30 */6 * * mon-FRI")

    def test_a_clocked_time_is_due_once_even_if_it_has_passed(self, frozen_clock: FrozenClock) -> None:
        for hours in (-1, 1):
            at = frozen_clock.now + timedelta(hours=hours)
            row = ClockedSchedule.objects.create(clocked_time=at)
            schedule = beside(periodic(name=f"at {hours}", clocked=row, one_off=True))
            assert (schedule.state, schedule.next_run_at, schedule.is_one_off) == ("active", at, True)

    def test_start_time_and_expires_bound_it(self, frozen_clock: FrozenClock) -> None:
        start = frozen_clock.now + timedelta(days=1, seconds=7)
        schedule = beside(periodic(start_time=start, expires=start + timedelta(hours=1)))
        assert (schedule.next_run_at, schedule.ends_at) == (start, start + timedelta(hours=1))
        ended = beside(periodic(name="ended", expires=frozen_clock.now))
        assert (ended.state, ended.state_reason) == ("inactive", "its last due time has passed")

    def test_an_edit_of_the_name_leaves_an_overdue_time_due(self, frozen_clock: FrozenClock) -> None:
        task = periodic()
        due = beside(task).next_run_at
        frozen_clock.advance(3600)
        task.name = "Renamed"
        task.save()
        schedule = beside(task)
        assert (schedule.name, schedule.next_run_at) == ("Renamed", due)

    def test_other_times_are_looked_for_anew(self, frozen_clock: FrozenClock) -> None:
        task = periodic()
        task.interval, task.crontab = None, CrontabSchedule.objects.create(minute="0", hour="0")
        task.save()
        schedule = beside(task)
        assert (schedule.interval_s, schedule.cron) == (None, "0 0 * * *")
        assert schedule.next_run_at == datetime(2026, 3, 2, tzinfo=UTC)

    def test_disabling_pauses_and_enabling_resumes_without_a_burst(self, frozen_clock: FrozenClock) -> None:
        task = periodic()
        task.enabled = False
        task.save()
        assert (beside(task).state, beside(task).next_run_at) == ("paused", None)
        frozen_clock.advance(7200 + 7)
        task.enabled = True
        task.save()
        assert beside(task).state == "active"
        assert beside(task).next_run_at == frozen_clock.now + timedelta(seconds=23)

    def test_enabling_one_whose_schedule_ended_makes_a_new_schedule(self) -> None:
        task = periodic()
        old = beside(task)
        services.update(old.pk, state="inactive")
        task.refresh_from_db()
        assert not task.enabled
        task.enabled = True
        task.save()
        old.refresh_from_db()
        assert (old.state, old.periodic_task_id) == ("inactive", None)
        assert (beside(task).state, beside(task).pk == old.pk) == ("active", False)

    def test_a_schedule_of_ours_can_be_edited_there(self) -> None:
        schedule = services.create(name="Naps", handler_name="pulse.sleep", payload={"seconds": 1}, interval_s=30)
        task = PeriodicTask.objects.get()
        task.kwargs = '{"seconds": 7.5}'
        task.save()
        edited = services.get(schedule.pk)
        assert (edited.name, edited.payload, edited.next_run_at) == ("Naps", {"seconds": 7.5}, schedule.next_run_at)

    def test_our_own_writes_do_not_come_back_as_edits(self) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        before = PeriodicTasks.last_change()
        services.update(schedule.pk, name="new", cron="@daily", state="paused")
        services.resume(schedule.pk)
        assert sync.sync_unseen(100) == 0
        assert PeriodicTasks.last_change() == before


class TestDeleted:
    def test_its_schedule_goes_with_it_and_its_jobs_are_cancelled(self) -> None:
        task = periodic()
        schedule = beside(task)
        job = jobs.enqueue("pulse.noop", schedule_id=schedule.pk)
        task.delete()
        schedule.refresh_from_db()
        assert (schedule.state, schedule.state_reason) == ("deleted", "its periodic task was deleted")
        assert Job.objects.get(pk=job.pk).status == "cancelled"

    def test_deleting_the_interval_takes_all_that_use_it(self) -> None:
        task = periodic()
        schedule = beside(task)
        task.interval.delete()
        schedule.refresh_from_db()
        assert (schedule.state, PeriodicTask.objects.count()) == ("deleted", 0)


class TestChangedWithoutASignal:
    """What a beat finds when `PeriodicTasks.last_change` moves."""

    def test_bulk_created_ones_get_their_schedules(self) -> None:
        row = IntervalSchedule.objects.create(every=30, period="seconds")
        PeriodicTask.objects.bulk_create(
            [PeriodicTask(name=f"task {number}", task="pulse.noop", interval=row) for number in range(5)]
        )
        assert Schedule.objects.count() == 0
        assert [sync.sync_unseen(3), sync.sync_unseen(3), sync.sync_unseen(3)] == [3, 2, 0]
        assert Schedule.objects.filter(state="active").count() == 5

    def test_the_bulk_actions_of_its_admin_pause_and_resume(self) -> None:
        task = periodic()
        PeriodicTask.objects.update(enabled=False, last_run_at=None)
        assert (sync.sync_unseen(10), beside(task).state) == (1, "paused")
        PeriodicTask.objects.update(enabled=True)
        assert (sync.sync_unseen(10), beside(task).state) == (1, "active")
        assert sync.sync_unseen(10) == 0

    def test_an_edited_interval_row_moves_all_that_use_it(self, frozen_clock: FrozenClock) -> None:
        row = IntervalSchedule.objects.create(every=30, period="seconds")
        tasks = [periodic(name=name, interval=row) for name in ("one", "two")]
        other = periodic(name="other")
        row.every = 10
        row.save()
        assert sync.sync_unseen(10) == 2
        assert {beside(task).next_run_at for task in tasks} == {frozen_clock.now + timedelta(seconds=10)}
        assert beside(other).next_run_at == frozen_clock.now + timedelta(seconds=30)

    def test_an_edited_crontab_row_moves_all_that_use_it(self, frozen_clock: FrozenClock) -> None:
        row = CrontabSchedule.objects.create(minute="0", hour="0")
        task = periodic(crontab=row)
        row.hour, row.timezone = "6", "Europe/Paris"
        row.save()
        assert sync.sync_unseen(10) == 1
        assert beside(task).next_run_at == datetime(2026, 3, 2, 5, tzinfo=UTC)
