"""What people and apps may ask of a schedule: what comes of it, and that a refusal changes nothing."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from pulse import services as jobs
from pulse.errors import InvalidInput, InvalidPayload, NotFound, UnknownHandler, WrongStatus
from pulse.models import Job
from pulse.states import JobStatus
from schedules import services
from schedules.models import ALLOWED, Schedule, ScheduleState
from tests.conftest import FrozenClock

pytestmark = pytest.mark.django_db

A_SECOND = timedelta(seconds=1)


def rows() -> list[Any]:
    """Everything a schedule is made of, to see that nothing changed."""
    return [
        list(model.objects.order_by("pk").values())
        for model in (Schedule, PeriodicTask, IntervalSchedule, CrontabSchedule, Job)
    ]


class TestCreate:
    def test_an_interval_is_due_at_once(self, frozen_clock: FrozenClock) -> None:
        schedule = services.create(handler_name="pulse.sleep", payload={"seconds": 2}, interval_s=30)
        assert (schedule.state, schedule.name, schedule.payload) == ("active", "pulse.sleep", {"seconds": 2})
        assert schedule.next_run_at == schedule.anchor_at == frozen_clock.now
        assert (schedule.interval_s, schedule.cron, schedule.rule.words) == (30, None, "every 30 seconds")

    def test_a_cron_is_due_at_its_next_time_in_its_zone(self, frozen_clock: FrozenClock) -> None:
        schedule = services.create(handler_name="pulse.noop", cron="30 2 * * *", timezone="Europe/Paris")
        assert schedule.next_run_at is not None
        assert schedule.next_run_at.isoformat() == "2026-03-02T01:30:00+00:00"

    def test_the_periodic_task_beside_it_says_the_same(self) -> None:
        schedule = services.create(name="Naps", handler_name="pulse.sleep", payload={"seconds": 2.5}, interval_s=30)
        task = PeriodicTask.objects.get(schedule=schedule.pk)
        assert (task.name, task.task, task.args, task.kwargs) == (
            f"Naps [{schedule.pk}]", "pulse.sleep", "[]", '{"seconds": 2.5}',
        )  # fmt: skip
        assert (task.enabled, task.interval.every, task.interval.period, task.crontab) == (True, 30, "seconds", None)

    def test_interval_and_crontab_rows_are_shared(self) -> None:
        for _ in range(2):
            services.create(handler_name="pulse.noop", interval_s=30)
            services.create(handler_name="pulse.noop", cron="@daily", timezone="Europe/Paris")
        assert IntervalSchedule.objects.count() == CrontabSchedule.objects.count() == 1
        assert str(CrontabSchedule.objects.get().timezone) == "Europe/Paris"

    def test_two_may_have_one_name(self) -> None:
        names = [services.create(name="Twins", handler_name="pulse.noop", interval_s=1).name for _ in range(2)]
        assert names == ["Twins", "Twins"]
        assert PeriodicTask.objects.count() == 2

    @pytest.mark.parametrize(
        ("fields", "kind", "field", "message"),
        [
            ({"handler_name": "no.such"}, UnknownHandler, "handler_name", "handler 'no.such' is not registered"),
            ({"cron": "61 * * * *", "interval_s": None}, InvalidInput, "cron",
             "'61 * * * *' is no cron expression: bad minute"),
            ({"cron": "0 0 30 2 *", "interval_s": None}, InvalidInput, "cron",
             "cron '0 0 30 2 *' is never due: no such date comes in the next 50 years"),
            ({"timezone": "Mars/Olympus"}, InvalidInput, "timezone", "there is no time zone 'Mars/Olympus'"),
            ({"interval_s": 0}, InvalidInput, "interval_seconds",
             "an interval is at least 1 second and at most 3650 days, this one has 0 seconds"),
            ({"interval_s": 1.5}, InvalidInput, "interval_seconds",
             "interval_seconds must be a whole number of seconds"),
            ({"name": "x" * 201}, InvalidInput, "name", "name has 201 characters, more than the 200 allowed"),
            ({"name": "a\0b"}, InvalidInput, "name", "name contains a character that cannot be stored"),
            ({"metadata": [1]}, InvalidInput, "metadata", "metadata must be a JSON object"),
            ({"metadata": {"a": "\0"}}, InvalidInput, "metadata",
             "metadata contains a character or a number that cannot be stored"),
        ],
    )  # fmt: skip
    def test_what_is_refused_names_its_field(
        self, fields: dict[str, Any], kind: type[InvalidInput], field: str, message: str
    ) -> None:
        before = rows()
        with pytest.raises(kind) as refusal:
            services.create(**({"handler_name": "pulse.noop", "interval_s": 30} | fields))
        assert (refusal.value.field, refusal.value.message) == (field, message)
        assert rows() == before

    def test_a_payload_that_does_not_fit_is_refused_with_its_field(self) -> None:
        with pytest.raises(InvalidPayload) as refusal:
            services.create(handler_name="pulse.sleep", payload={"seconds": "long"}, interval_s=30)
        assert [fault["field"] for fault in refusal.value.details["errors"]] == ["payload.seconds"]
        assert Schedule.objects.count() == PeriodicTask.objects.count() == 0

    @pytest.mark.parametrize("times", [{}, {"interval_s": 30, "cron": "@daily"}])
    def test_both_times_and_neither_are_refused(self, times: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput) as refusal:
            services.create(handler_name="pulse.noop", **times)
        assert {fault["field"] for fault in refusal.value.details["errors"]} == {"interval_seconds", "cron"}

    def test_all_that_is_wrong_is_told_at_once(self) -> None:
        with pytest.raises(InvalidInput) as refusal:
            services.create(handler_name="no.such", cron="x", name="n" * 300)
        assert [fault["field"] for fault in refusal.value.details["errors"]] == ["name", "handler_name", "cron"]


class TestUpdate:
    def test_changes_what_is_named_and_nothing_else(self) -> None:
        schedule = services.create(handler_name="pulse.sleep", payload={"seconds": 1}, interval_s=30)
        changed = services.update(schedule.pk, name="Nap", payload={"seconds": 5.5})
        assert (changed.name, changed.payload) == ("Nap", {"seconds": 5.5})
        assert (changed.interval_s, changed.next_run_at, changed.state) == (30, schedule.next_run_at, "active")
        assert PeriodicTask.objects.get(schedule=schedule.pk).kwargs == '{"seconds": 5.5}'

    def test_a_new_interval_counts_from_the_first_due_time(self, frozen_clock: FrozenClock) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=3600)
        frozen_clock.advance(50)
        changed = services.update(schedule.pk, interval_s=20)
        assert changed.next_run_at == schedule.anchor_at + timedelta(seconds=60)
        assert PeriodicTask.objects.get(schedule=schedule.pk).interval.every == 20

    def test_a_cron_takes_the_place_of_an_interval(self, frozen_clock: FrozenClock) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=3600)
        changed = services.update(schedule.pk, cron="@daily", timezone="Europe/Paris")
        assert (changed.interval_s, changed.cron, changed.timezone) == (None, "0 0 * * *", "Europe/Paris")
        assert changed.next_run_at is not None
        assert changed.next_run_at.isoformat() == "2026-03-01T23:00:00+00:00"
        task = PeriodicTask.objects.get(schedule=schedule.pk)
        assert (task.interval, str(task.crontab.timezone)) == (None, "Europe/Paris")

    def test_another_zone_moves_the_next_due_time(self, frozen_clock: FrozenClock) -> None:
        schedule = services.create(handler_name="pulse.noop", cron="@daily")
        changed = services.update(schedule.pk, timezone="America/New_York")
        assert changed.next_run_at is not None
        assert changed.next_run_at.isoformat() == "2026-03-02T05:00:00+00:00"

    @pytest.mark.parametrize(
        "changes",
        [
            {"state": "paused", "interval_s": 0},
            {"state": "paused", "payload": {"seconds": -1}},
            {"name": "new", "cron": "nonsense"},
            {"state": "paused", "timezone": "Mars/Olympus"},
            {"state": "sleeping", "name": "new"},
            {"state": "deleted", "name": "new"},
            {"interval_s": None, "cron": None, "name": "new"},
        ],
    )
    def test_a_refused_edit_changes_nothing(self, changes: dict[str, Any]) -> None:
        schedule = services.create(handler_name="pulse.sleep", interval_s=30)
        before = rows()
        with pytest.raises(InvalidInput):
            services.update(schedule.pk, **changes)
        assert rows() == before

    @pytest.mark.parametrize("state", [state for state in ScheduleState if state != ScheduleState.DELETED])
    @pytest.mark.parametrize("to", [state for state in ScheduleState if state != ScheduleState.DELETED])
    def test_states_move_as_the_table_says(self, state: ScheduleState, to: ScheduleState) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        Schedule.objects.filter(pk=schedule.pk).update(state=state)
        if to in ALLOWED[state] or to == state:
            assert services.update(schedule.pk, state=to).state == to
            return
        before = rows()
        with pytest.raises(WrongStatus) as refusal:
            services.update(schedule.pk, state=to, name="new")
        assert refusal.value.details == {"current": state}
        assert rows() == before

    def test_an_id_in_the_long_form_is_understood(self) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        assert services.get(schedule.pk.replace("SP_", "SPJ_")).pk == schedule.pk

    def test_a_schedule_that_is_not_there_is_not_found(self) -> None:
        for act in (
            services.get,
            services.update,
            services.pause,
            services.resume,
            services.delete,
            services.trigger,
        ):
            with pytest.raises(NotFound):
                act("SP_aaaaaaaaaaaaaaaa_1")


class TestPauseAndResume:
    def test_pausing_keeps_the_reason_and_disables_the_periodic_task(self) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        paused = services.pause(schedule.pk, reason="the supplier is away")
        assert (paused.state, paused.state_reason, paused.next_run_at) == ("paused", "the supplier is away", None)
        assert not PeriodicTask.objects.get(schedule=schedule.pk).enabled

    def test_pausing_without_a_reason_has_one(self) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        assert services.pause(schedule.pk).state_reason == "paused by an operator"

    def test_resuming_goes_on_on_the_grid_and_fires_nothing_at_once(self, frozen_clock: FrozenClock) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        services.pause(schedule.pk)
        frozen_clock.advance(7200 + 7)
        resumed = services.resume(schedule.pk)
        assert (resumed.state, resumed.state_reason) == ("active", "")
        assert resumed.next_run_at == schedule.anchor_at + timedelta(seconds=7230)
        assert PeriodicTask.objects.get(schedule=schedule.pk).enabled
        assert Job.objects.count() == 0

    @pytest.mark.parametrize(("act", "state"), [(services.pause, "paused"), (services.resume, "active")])
    def test_what_is_done_already_is_refused(self, act: Callable[[str], Schedule], state: str) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        if state == "paused":
            services.pause(schedule.pk)
        with pytest.raises(WrongStatus) as refusal:
            act(schedule.pk)
        assert refusal.value.details == {"current": state}

    def test_what_could_not_run_is_not_resumed(self, make_handler: Callable[..., Any]) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        Schedule.objects.filter(pk=schedule.pk).update(
            handler_name="no.such", state="paused", state_reason="the handler is gone", next_run_at=None
        )
        with pytest.raises(UnknownHandler):
            services.resume(schedule.pk)
        assert services.get(schedule.pk).state_reason == "the handler is gone"


class TestDelete:
    def test_its_waiting_and_running_jobs_are_cancelled_and_the_ended_ones_kept(self) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        queued, paused, running, ended, other = [
            jobs.enqueue("pulse.noop", schedule_id=schedule_id) for schedule_id in [schedule.pk] * 4 + ["SP_other"]
        ]
        jobs.pause(paused.pk)
        Job.objects.filter(pk=running.pk).update(status=JobStatus.RUNNING)
        Job.objects.filter(pk=ended.pk).update(status=JobStatus.COMPLETED)
        services.delete(schedule.pk, reason="no longer needed")
        statuses = {job.pk: job.status for job in Job.objects.all()}
        assert [statuses[job.pk] for job in (queued, paused, running, ended, other)] == [
            "cancelled", "cancelled", "running", "completed", "queued",
        ]  # fmt: skip
        assert Job.objects.get(pk=queued.pk).error_message == "no longer needed"
        assert Job.objects.get(pk=running.pk).cancel_requested_at is not None

    def test_the_row_stays_as_history_and_the_periodic_task_goes(self) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        services.delete(schedule.pk)
        left = Schedule.objects.get()
        assert (left.state, left.periodic_task_id, left.next_run_at) == ("deleted", None, None)
        assert (left.rule.words, PeriodicTask.objects.count()) == ("every 30 seconds", 0)
        with pytest.raises(NotFound):
            services.delete(schedule.pk)


class TestTrigger:
    def test_runs_the_schedules_own_payload_beside_its_due_times(self) -> None:
        schedule = services.create(handler_name="pulse.sleep", payload={"seconds": 3}, interval_s=30)
        job = services.trigger(schedule.pk, source="ann")
        assert (job.handler_name, job.payload, job.schedule_id, job.due_at, job.source) == (
            "pulse.sleep", {"seconds": 3}, schedule.pk, None, "ann",
        )  # fmt: skip
        after = services.get(schedule.pk)
        assert (after.last_job_id, after.last_status, after.next_run_at) == (job.pk, "queued", schedule.next_run_at)

    def test_runs_another_payload_where_one_is_given(self) -> None:
        schedule = services.create(handler_name="pulse.sleep", payload={"seconds": 3}, interval_s=30)
        assert services.trigger(schedule.pk, {"seconds": 9}).payload == {"seconds": 9}
        with pytest.raises(InvalidPayload):
            services.trigger(schedule.pk, {"seconds": -9})
        assert Job.objects.count() == 1

    def test_works_on_a_paused_schedule_and_leaves_it_paused(self) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        services.pause(schedule.pk)
        services.trigger(schedule.pk)
        assert (services.get(schedule.pk).state, Job.objects.count()) == ("paused", 1)

    @pytest.mark.parametrize("state", ["stopping", "inactive"])
    def test_is_refused_where_the_schedule_ends(self, state: str) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        services.update(schedule.pk, state=state)
        with pytest.raises(WrongStatus):
            services.trigger(schedule.pk)
        assert Job.objects.count() == 0


def test_a_stopping_schedule_is_inactive_once_its_last_job_has_ended() -> None:
    schedule = services.create(handler_name="pulse.noop", interval_s=30)
    job = services.trigger(schedule.pk)
    services.update(schedule.pk, state="stopping")
    assert (services.finish_stopping(), services.get(schedule.pk).state) == (0, "stopping")
    Job.objects.filter(pk=job.pk).update(status=JobStatus.COMPLETED)
    assert (services.finish_stopping(), services.get(schedule.pk).state) == (1, "inactive")
