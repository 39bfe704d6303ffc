"""What comes of each due time, against the database's own clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask
from pydantic import BaseModel, model_validator

from pulse.models import Job
from schedules import firing, services
from schedules.models import Schedule

pytestmark = pytest.mark.django_db


def db_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def overdue(schedule: Schedule, by: timedelta) -> datetime:
    """Make it as if the schedule had begun so long ago, and nobody had fired it since. Returns the due time."""
    due_at = db_now() - by
    Schedule.objects.filter(pk=schedule.pk).update(next_run_at=due_at, anchor_at=due_at)
    return due_at


def every(seconds: int = 30, **fields: Any) -> Schedule:
    return services.create(**({"handler_name": "pulse.noop", "interval_s": seconds} | fields))


class TestFireDue:
    def test_a_due_schedule_gets_one_job_with_its_work_and_due_time(self) -> None:
        schedule = every(handler_name="pulse.sleep", payload={"seconds": 3})
        fired = firing.fire_due()
        job = Job.objects.get()
        assert [found.pk for found in fired.jobs] == [job.pk]
        assert (job.handler_name, job.payload, job.schedule_id, job.due_at, job.source, job.status) == (
            "pulse.sleep", {"seconds": 3}, schedule.pk, schedule.next_run_at, "schedule", "queued",
        )  # fmt: skip

    def test_the_schedule_moves_on_along_its_grid_and_remembers_the_run(self) -> None:
        schedule = every(30)
        firing.fire_due()
        after = services.get(schedule.pk)
        assert after.next_run_at == schedule.anchor_at + timedelta(seconds=30)
        assert (after.last_job_id, after.last_status, after.run_count) == (Job.objects.get().pk, "queued", 1)
        assert after.updated_at == schedule.updated_at

    def test_what_is_not_due_is_left_alone(self) -> None:
        schedule = every(30)
        firing.fire_due()
        assert firing.fire_due().jobs == []
        assert services.get(schedule.pk).run_count == 1

    def test_two_hours_late_is_one_run_and_then_the_grid(self) -> None:
        schedule = every(60)
        due_at = overdue(schedule, timedelta(hours=2, seconds=7))
        assert len(firing.fire_due().jobs) == 1
        assert firing.fire_due().jobs == []
        after = services.get(schedule.pk)
        assert Job.objects.get().due_at == due_at
        assert after.next_run_at == due_at + timedelta(hours=2, seconds=60)

    def test_a_cron_that_is_late_runs_once_and_goes_on_with_its_next_time(self) -> None:
        schedule = services.create(handler_name="pulse.noop", cron="0 0 * * *")
        overdue(schedule, timedelta(days=3))
        assert len(firing.fire_due().jobs) == 1
        tomorrow = (db_now() + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        assert services.get(schedule.pk).next_run_at == tomorrow

    def test_a_due_time_that_has_its_job_gets_no_other(self) -> None:
        schedule = every(60)
        due_at = overdue(schedule, timedelta(seconds=5))
        firing.fire_due()
        Schedule.objects.filter(pk=schedule.pk).update(next_run_at=due_at)
        assert firing.fire_due().jobs == []
        assert Job.objects.count() == 1
        assert services.get(schedule.pk).next_run_at == due_at + timedelta(seconds=60)

    @pytest.mark.parametrize("state", ["paused", "stopping", "inactive"])
    def test_only_active_ones_fire(self, state: str) -> None:
        schedule = every()
        services.update(schedule.pk, state=state)
        assert firing.fire_due().jobs == []

    def test_a_deleted_one_does_not_fire(self) -> None:
        services.delete(every().pk)
        assert firing.fire_due().jobs == []

    def test_a_batch_takes_the_most_overdue_first_and_says_that_there_is_more(self) -> None:
        names = []
        for minutes in (1, 3, 2):
            schedule = every(3600, name=str(minutes))
            overdue(schedule, timedelta(minutes=minutes))
            names.append(schedule.pk)
        fired = firing.fire_due(limit=2)
        assert [job.schedule_id for job in fired.jobs] == [names[1], names[2]]
        assert fired.is_full
        assert 180 <= fired.lag_s < 200
        assert not firing.fire_due(limit=2).is_full


class TestOneBadRow:
    """The others fire; it is paused and says why."""

    @pytest.mark.parametrize(
        ("broken", "reason"),
        [
            ({"cron": "nonsense", "interval_s": None},
             "it could not be fired: cron 'nonsense' has 1 fields instead of 5"),
            ({"cron": "0 0 * * *", "interval_s": None, "timezone": "Mars/Olympus"},
             "it could not be fired: there is no time zone 'Mars/Olympus'"),
            ({"interval_s": 0}, "it could not be fired: an interval is at least 1 second and at most 3650 days, "
             "this one has 0 seconds"),
            ({"interval_s": None}, "it could not be fired: the schedule has neither an interval nor a cron "
             "expression nor a time"),
            ({"handler_name": "no.such"}, "it could not be fired: handler 'no.such' is not registered"),
        ],
    )  # fmt: skip
    def test_is_paused_with_the_reason(self, broken: dict[str, Any], reason: str) -> None:
        bad, good = every(), every()
        Schedule.objects.filter(pk=bad.pk).update(**broken)
        assert [job.schedule_id for job in firing.fire_due().jobs] == [good.pk]
        after = services.get(bad.pk)
        assert (after.state, after.state_reason, after.next_run_at) == ("paused", reason, None)
        assert not PeriodicTask.objects.get(schedule=bad.pk).enabled

    def test_a_payload_model_that_raises_is_not_asked(self, make_handler: Callable[..., Any]) -> None:
        class Trap(BaseModel):
            @model_validator(mode="before")
            @classmethod
            def explode(cls, _: Any) -> Any:
                raise KeyError("a fault of the handler's own code")

        make_handler(lambda run: None, "test.trap")
        bad = every(handler_name="test.trap")
        make_handler(lambda run: None, "test.trap", payload=Trap)
        assert [job.schedule_id for job in firing.fire_due().jobs] == [bad.pk]


class TestEnds:
    def test_a_one_off_runs_once_and_is_over(self) -> None:
        row = ClockedSchedule.objects.create(clocked_time=datetime.now(UTC) - timedelta(seconds=1))
        task = PeriodicTask.objects.create(name="once", task="pulse.noop", clocked=row, one_off=True)
        assert len(firing.fire_due().jobs) == 1
        assert firing.fire_due().jobs == []
        schedule = Schedule.objects.get(periodic_task=task)
        assert (schedule.state, schedule.state_reason, schedule.run_count) == ("inactive", "it ran once, as asked", 1)
        task.refresh_from_db()
        assert not task.enabled

    def test_one_past_its_end_is_over_without_a_run(self) -> None:
        schedule = every()
        overdue(schedule, timedelta(minutes=5))
        Schedule.objects.filter(pk=schedule.pk).update(ends_at=db_now() - timedelta(minutes=1))
        assert firing.fire_due().jobs == []
        after = services.get(schedule.pk)
        assert (after.state, after.state_reason) == ("inactive", "its last due time has passed")

    def test_the_last_due_time_before_the_end_runs(self) -> None:
        schedule = every(60)
        Schedule.objects.filter(pk=schedule.pk).update(ends_at=db_now() + timedelta(seconds=30))
        assert len(firing.fire_due().jobs) == 1
        assert services.get(schedule.pk).state == "inactive"


class TestSecondsToNext:
    def test_is_none_without_an_active_schedule(self) -> None:
        services.pause(every().pk)
        assert firing.seconds_to_next() is None

    def test_is_the_time_to_the_soonest(self) -> None:
        for seconds in (300, 100, 200):
            every(seconds)
        firing.fire_due()
        left = firing.seconds_to_next()
        assert left is not None
        assert 90 < left <= 100

    def test_an_interval_row_that_two_share_is_no_bond_between_them(self) -> None:
        first, second = every(60), every(60)
        services.update(first.pk, interval_s=120)
        assert IntervalSchedule.objects.count() == 2
        assert services.get(second.pk).interval_s == 60
