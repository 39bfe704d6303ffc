"""Schedules in the Django admin, through the test client: the form, its errors, the actions."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, IntervalSchedule, PeriodicTask

from pulse.models import Job
from schedules import services
from schedules.models import Beat, Schedule

pytestmark = pytest.mark.django_db

LIST = "/admin/schedules/schedule/"
ADD = f"{LIST}add/"
GOOD = {
    "name": "Naps", "handler_name": "pulse.sleep", "payload": '{"seconds": 2}', "interval_seconds": "30", "cron": "",
    "timezone": "UTC", "metadata": "{}",
}  # fmt: skip


@pytest.fixture
def client() -> Client:
    browser = Client()
    browser.force_login(User.objects.create_superuser("ann"))
    return browser


def change(schedule: Schedule) -> str:
    return f"{LIST}{schedule.pk}/change/"


def act(client: Client, action: str, *schedules: Schedule, **more: str) -> str:
    chosen = {"action": action, "_selected_action": [schedule.pk for schedule in schedules], **more}
    return client.post(LIST, chosen, follow=True).content.decode()


class TestAdd:
    def test_offers_every_handler(self, client: Client) -> None:
        page = client.get(ADD).content.decode()
        assert all(f'<option value="{name}">' in page for name in ("pulse.noop", "pulse.sleep", "celery.task"))

    def test_makes_a_schedule_with_its_periodic_task(self, client: Client) -> None:
        answer = client.post(ADD, GOOD)
        assert (answer.status_code, answer["Location"]) == (302, LIST)
        schedule = Schedule.objects.get()
        assert (schedule.name, schedule.handler_name, schedule.payload, schedule.interval_s) == (
            "Naps", "pulse.sleep", {"seconds": 2}, 30,
        )  # fmt: skip
        assert (schedule.state, schedule.created_from) == ("active", "admin")
        assert PeriodicTask.objects.get(schedule=schedule.pk).interval.every == 30

    def test_makes_one_by_cron(self, client: Client) -> None:
        client.post(ADD, GOOD | {"interval_seconds": "", "cron": "30 2 * * *", "timezone": "Europe/Paris"})
        assert Schedule.objects.get().rule.words == "At 02:30 every day (Europe/Paris)"

    @pytest.mark.parametrize(
        ("given", "field", "message"),
        [
            ({"handler_name": "no.such"}, "handler_name", "Select a valid choice"),
            ({"payload": "{"}, "payload", "Enter a valid JSON."),
            ({"payload": '{"seconds": "x"}'}, "payload", "Input should be a valid number"),
            ({"payload": "[1]"}, "payload", "the payload must be a JSON object"),
            ({"interval_seconds": "", "cron": "61 * * * *"}, "cron", "is no cron expression: bad minute"),
            ({"interval_seconds": "", "cron": "0 0 30 2 *"}, "cron", "is never due"),
            ({"timezone": "Mars"}, "timezone", "there is no time zone"),
            ({"interval_seconds": "0"}, "interval_seconds", "an interval is at least 1 second"),
            ({"interval_seconds": ""}, "interval_seconds", "neither is given"),
            ({"cron": "@daily"}, "cron", "both are given"),
            ({"metadata": "[]"}, "metadata", "metadata must be a JSON object"),
        ],
    )
    def test_errors_stand_at_their_fields_and_nothing_is_written(
        self, client: Client, given: dict[str, str], field: str, message: str
    ) -> None:
        answer = client.post(ADD, GOOD | given)
        assert answer.status_code == 200
        errors = answer.context["adminform"].form.errors
        assert message in " ".join(errors[field])
        assert Schedule.objects.count() == PeriodicTask.objects.count() == IntervalSchedule.objects.count() == 0


class TestChange:
    def test_shows_what_it_is(self, client: Client) -> None:
        schedule = services.create(name="Naps", handler_name="pulse.sleep", payload={"seconds": 2}, interval_s=30)
        page = client.get(change(schedule)).content.decode()
        assert all(text in page for text in ('value="Naps"', 'value="30"', "every 30 seconds", "Active"))

    def test_saves_what_was_edited_and_leaves_the_rest(self, client: Client) -> None:
        schedule = services.create(name="Naps", handler_name="pulse.sleep", payload={"seconds": 2}, interval_s=30)
        answer = client.post(change(schedule), GOOD | {"name": "Sleep", "payload": '{"seconds": 4}'})
        assert answer.status_code == 302
        after = services.get(schedule.pk)
        assert (after.name, after.payload, after.interval_s) == ("Sleep", {"seconds": 4}, 30)
        assert after.next_run_at == schedule.next_run_at

    def test_a_cron_takes_the_place_of_the_interval(self, client: Client) -> None:
        schedule = services.create(name="Naps", handler_name="pulse.sleep", payload={"seconds": 2}, interval_s=30)
        client.post(change(schedule), GOOD | {"interval_seconds": "", "cron": "@daily"})
        after = services.get(schedule.pk)
        assert (after.interval_s, after.cron) == (None, "0 0 * * *")

    def test_errors_stand_at_their_fields_and_nothing_is_written(self, client: Client) -> None:
        schedule = services.create(name="Naps", handler_name="pulse.sleep", payload={"seconds": 2}, interval_s=30)
        bad = {"name": "New", "interval_seconds": "0", "payload": '{"seconds": -1}'}
        errors = client.post(change(schedule), GOOD | bad).context["adminform"].form.errors
        assert set(errors) == {"interval_seconds", "payload"}
        assert services.get(schedule.pk).name == "Naps"
        errors = client.post(change(schedule), GOOD | {"interval_seconds": ""}).context["adminform"].form.errors
        assert "neither is given" in errors["interval_seconds"][0]

    def test_a_clocked_one_keeps_its_time(self, client: Client) -> None:
        row = ClockedSchedule.objects.create(clocked_time="2027-01-01T00:00:00Z")
        PeriodicTask.objects.create(name="once", task="pulse.noop", clocked=row, one_off=True)
        schedule = Schedule.objects.get()
        form = GOOD | {"handler_name": "pulse.noop", "name": "New", "payload": "{}", "interval_seconds": ""}
        assert client.post(change(schedule), form).status_code == 302
        after = services.get(schedule.pk)
        assert (after.name, after.once_at) == ("New", schedule.once_at)

    def test_one_that_was_deleted_meanwhile_is_said(self, client: Client) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        services.delete(schedule.pk)
        page = client.post(change(schedule), GOOD, follow=True).content.decode()
        assert "Perhaps it was deleted?" in page


class TestList:
    def test_shows_rule_state_and_times_and_no_deleted_ones(self, client: Client) -> None:
        services.pause(services.create(name="Naps", handler_name="pulse.noop", interval_s=30).pk, reason="too tired")
        services.delete(services.create(name="Gone", handler_name="pulse.noop", interval_s=30).pk)
        page = client.get(LIST).content.decode()
        assert all(text in page for text in ("Naps", "every 30 seconds", "paused", "too tired"))
        assert "Gone" not in page
        assert client.get(LIST, {"q": "nap", "state__exact": "paused"}).status_code == 200

    def test_pause_and_resume(self, client: Client) -> None:
        schedules = [services.create(handler_name="pulse.noop", interval_s=30) for _ in range(2)]
        assert "2 schedules were paused." in act(client, "pause", *schedules)
        assert {row.state_reason for row in Schedule.objects.all()} == {"paused by ann"}
        services.resume(schedules[0].pk)
        page = act(client, "resume", *schedules)
        assert "1 schedules were resumed." in page
        assert f"{schedules[0].pk} is active already" in page

    def test_trigger_now(self, client: Client) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        assert "1 schedules were triggered." in act(client, "trigger", schedule)
        assert Job.objects.get().source == "ann"

    def test_deleting_is_soft(self, client: Client) -> None:
        schedules = [services.create(handler_name="pulse.noop", interval_s=30) for _ in range(2)]
        act(client, "delete_selected", schedules[0], post="yes")
        client.post(f"{LIST}{schedules[1].pk}/delete/", {"post": "yes"})
        assert (
            list(Schedule.objects.values_list("state", "state_reason"))
            == [("deleted", "schedule deleted by ann")] * 2
        )
        assert PeriodicTask.objects.count() == 0

    def test_who_may_only_look_may_not_act(self, db: Any) -> None:
        schedule = services.create(handler_name="pulse.noop", interval_s=30)
        browser = Client()
        browser.force_login(User.objects.create_user("eve", is_staff=True))
        assert browser.get(LIST).status_code == 403
        assert browser.post(ADD, GOOD).status_code == 403
        assert (Schedule.objects.count(), services.get(schedule.pk).state) == (1, "active")


def test_beats_are_shown(client: Client) -> None:
    now = timezone.now()
    Beat.objects.create(id="a", hostname="node-7", pid=12, started_at=now, last_tick_at=now, tick_lag_s=0.25)
    assert "node-7" in client.get("/admin/schedules/beat/").content.decode()


def test_a_periodic_task_saved_in_its_own_admin_gets_its_schedule(client: Client) -> None:
    row = IntervalSchedule.objects.create(every=30, period="seconds")
    form = {
        "name": "Nightly", "regtask": "pulse.noop", "task": "", "enabled": "on", "interval": row.pk, "args": "[]",
        "kwargs": '{"a": 1}', "headers": "{}",
    }  # fmt: skip
    answer = client.post("/admin/django_celery_beat/periodictask/add/", form)
    assert answer.status_code == 302
    schedule = Schedule.objects.get()
    assert (schedule.name, schedule.handler_name, schedule.payload) == ("Nightly", "pulse.noop", {"a": 1})
