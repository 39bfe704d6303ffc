"""The REST API of schedules, as the contract has it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django_celery_beat.models import ClockedSchedule, PeriodicTask
from rest_framework.authtoken.models import Token
from rest_framework.test import APIClient

from pulse.models import Job
from schedules import services
from schedules.models import Beat, Schedule
from tests.conftest import FrozenClock

pytestmark = pytest.mark.django_db

SCHEDULES = "/api/pulse/schedules/"
FIELDS = {
    "id", "name", "handler_name", "payload", "interval_seconds", "cron", "timezone", "rule", "state", "state_reason",
    "next_run_at", "last_run_at", "last_job_id", "last_execution_id", "last_status", "created_from_doc", "ats_code",
    "metadata", "periodic_task_id", "created_at", "updated_at",
}  # fmt: skip


@pytest.fixture
def client() -> APIClient:
    api = APIClient()
    api.force_authenticate(User.objects.create_superuser("ann"))
    return api


@pytest.fixture
def create() -> Callable[..., Schedule]:
    return lambda **fields: services.create(**({"handler_name": "pulse.noop", "interval_s": 30} | fields))


class TestCreate:
    def test_an_interval(self, client: APIClient, frozen_clock: FrozenClock) -> None:
        answer = client.post(
            SCHEDULES,
            {
                "handler_name": "pulse.sleep", "payload": {"seconds": 1}, "interval_seconds": 30, "name": "Naps",
                "metadata": {"team": "a"}, "created_from_doc": "doc-1",
            },
            format="json",
        )  # fmt: skip
        body = answer.json()
        assert answer.status_code == 201
        assert body.keys() == FIELDS
        assert body["id"].startswith("SP_")
        assert body["periodic_task_id"] == PeriodicTask.objects.get().pk
        assert body | {"id": "", "periodic_task_id": 0} == {
            "id": "", "periodic_task_id": 0, "name": "Naps", "handler_name": "pulse.sleep", "payload": {"seconds": 1},
            "interval_seconds": 30, "cron": None, "timezone": "UTC", "rule": "every 30 seconds", "state": "active",
            "state_reason": "", "next_run_at": "2026-03-01T12:00:00Z", "last_run_at": None, "last_job_id": None,
            "last_execution_id": None, "last_status": None, "created_from_doc": "doc-1", "ats_code": None,
            "metadata": {"team": "a"}, "created_at": body["created_at"], "updated_at": body["updated_at"],
        }  # fmt: skip

    def test_a_cron(self, client: APIClient, frozen_clock: FrozenClock) -> None:
        given = {"handler_name": "pulse.noop", "cron": "@daily", "timezone": "Europe/Paris"}
        body = client.post(SCHEDULES, given, format="json").json()
        assert (body["cron"], body["rule"]) == ("0 0 * * *", "At 00:00 every day (Europe/Paris)")
        assert (body["interval_seconds"], body["next_run_at"]) == (None, "2026-03-01T23:00:00Z")
        assert (body["name"], body["payload"], body["created_from_doc"]) == ("pulse.noop", {}, "api")

    @pytest.mark.parametrize(
        ("given", "code", "fields"),
        [
            ({}, "invalid_input", {"handler_name"}),
            ({"handler_name": "no.such", "interval_seconds": 1}, "unknown_handler", {"handler_name"}),
            ({"handler_name": "pulse.noop"}, "invalid_input", {"interval_seconds", "cron"}),
            ({"handler_name": "pulse.noop", "interval_seconds": 5, "cron": "@daily"}, "invalid_input",
             {"interval_seconds", "cron"}),
            ({"handler_name": "pulse.noop", "interval_seconds": -1}, "invalid_input", {"interval_seconds"}),
            ({"handler_name": "pulse.noop", "interval_seconds": 0}, "invalid_input", {"interval_seconds"}),
            ({"handler_name": "pulse.noop", "interval_seconds": 1.5}, "invalid_input", {"interval_seconds"}),
            ({"handler_name": "pulse.noop", "interval_seconds": 10**30}, "invalid_input", {"interval_seconds"}),
            ({"handler_name": "pulse.noop", "cron": "61 * * * *"}, "invalid_input", {"cron"}),
            ({"handler_name": "pulse.noop", "cron": ""}, "invalid_input", {"cron"}),
            ({"handler_name": "pulse.noop", "cron": "@daily", "timezone": "Mars"}, "invalid_input", {"timezone"}),
            ({"handler_name": "pulse.noop", "interval_seconds": 5, "payload": [1]}, "invalid_payload", {"payload"}),
            ({"handler_name": "pulse.noop", "interval_seconds": 5, "metadata": "x"}, "invalid_input", {"metadata"}),
            ({"handler_name": "pulse.sleep", "interval_seconds": 5, "payload": {"seconds": "x"}}, "invalid_payload",
             {"payload.seconds"}),
            ({"handler_name": "no.such", "cron": "x", "timezone": "Mars"}, "invalid_input",
             {"handler_name", "timezone"}),
            ({"handler_name": "pulse.noop", "interval_seconds": 5, "ats_code": "ix https://x"}, "invalid_input",
             {"ats_code"}),
            ({"handler_name": "pulse.noop", "interval": 5}, "invalid_input", {"interval"}),
            ({"handler_name": "pulse.noop", "interval_seconds": 5, "name": "a\0"}, "invalid_input", {"name"}),
            ([1], "invalid_input", {None}),
        ],
    )  # fmt: skip
    def test_refusals_name_code_and_fields_and_write_nothing(
        self, client: APIClient, given: Any, code: str, fields: set[str | None]
    ) -> None:
        answer = client.post(SCHEDULES, given, format="json")
        body = answer.json()
        assert answer.status_code == 400
        assert (body["code"], {detail["field"] for detail in body["details"]}) == (code, fields)
        assert body["error"]
        assert Schedule.objects.count() == PeriodicTask.objects.count() == 0


class TestList:
    def test_newest_first_without_deleted_ones(self, client: APIClient, create: Callable[..., Schedule]) -> None:
        names = ["first", "gone", "second"]
        made = [create(name=name) for name in names]
        services.delete(made[1].pk)
        body = client.get(SCHEDULES).json()
        assert [row["name"] for row in body["jobs"]] == ["second", "first"]
        assert (body["count"], body["total"], body["has_more"]) == (2, 2, False)
        assert body["jobs"][0].keys() == FIELDS

    def test_pages(self, client: APIClient, create: Callable[..., Schedule]) -> None:
        for number in range(3):
            create(name=str(number))
        body = client.get(SCHEDULES, {"limit": 2}).json()
        assert ([row["name"] for row in body["jobs"]], body["total"], body["has_more"]) == (["2", "1"], 3, True)
        body = client.get(SCHEDULES, {"limit": 2, "offset": 2}).json()
        assert ([row["name"] for row in body["jobs"]], body["count"], body["has_more"]) == (["0"], 1, False)

    @pytest.mark.parametrize("name", ["q", "handler_name"])
    def test_a_filter_no_column_can_hold_is_refused(self, client, name):
        answer = client.get(SCHEDULES, {name: "\0"})
        assert answer.status_code == 400
        assert answer.json()["details"][0]["field"] == name

    @pytest.mark.parametrize(
        ("query", "names"),
        [
            ({"state": "paused"}, ["Beta"]),
            ({"handler_name": "pulse.sleep"}, ["Beta"]),
            ({"q": "PULSE.NO"}, ["Gamma", "Alpha"]),
            ({"q": "alph"}, ["Alpha"]),
        ],
    )
    def test_filters(
        self, client: APIClient, create: Callable[..., Schedule], query: dict[str, str], names: list[str]
    ) -> None:
        create(name="Alpha")
        services.pause(create(name="Beta", handler_name="pulse.sleep").pk)
        create(name="Gamma")
        assert [row["name"] for row in client.get(SCHEDULES, query).json()["jobs"]] == names

    def test_an_unknown_state_is_refused(self, client: APIClient) -> None:
        answer = client.get(SCHEDULES, {"state": "asleep"})
        assert (answer.status_code, answer.json()["error"]) == (400, "Invalid state: asleep")

    def test_the_number_of_queries_does_not_grow_with_the_rows(
        self, client: APIClient, create: Callable[..., Schedule], django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(20):
            services.trigger(create().pk)
        with django_assert_max_num_queries(3):
            assert {row["last_status"] for row in client.get(SCHEDULES).json()["jobs"]} == {"queued"}


class TestOne:
    def test_is_found_by_both_forms_of_its_id(self, client: APIClient, create: Callable[..., Schedule]) -> None:
        schedule = create()
        for schedule_id in (schedule.pk, schedule.pk.replace("SP_", "SPJ_")):
            for slash in ("", "/"):
                assert client.get(f"{SCHEDULES}{schedule_id}{slash}").json()["id"] == schedule.pk

    def test_a_clocked_one_says_when_in_words(self, client: APIClient) -> None:
        row = ClockedSchedule.objects.create(clocked_time="2027-01-01T00:00:00Z")
        PeriodicTask.objects.create(name="once", task="pulse.noop", clocked=row, one_off=True)
        body = client.get(f"{SCHEDULES}{Schedule.objects.get().pk}/").json()
        assert (body["interval_seconds"], body["cron"], body["rule"]) == (
            None,
            None,
            "once at 2027-01-01 00:00:00 UTC",
        )

    def test_edit(self, client: APIClient, create: Callable[..., Schedule]) -> None:
        schedule = create()
        answer = client.patch(
            f"{SCHEDULES}{schedule.pk}/", {"name": "New", "state": "paused", "state_reason": "why not"}, format="json"
        )
        body = answer.json()
        assert (answer.status_code, body["name"], body["state"], body["state_reason"], body["next_run_at"]) == (
            200, "New", "paused", "why not", None,
        )  # fmt: skip

    def test_null_for_one_of_the_times_means_the_other(
        self, client: APIClient, create: Callable[..., Schedule]
    ) -> None:
        schedule = create()
        body = client.patch(
            f"{SCHEDULES}{schedule.pk}/", {"interval_seconds": None, "cron": "@hourly"}, format="json"
        ).json()
        assert (body["interval_seconds"], body["cron"]) == (None, "0 * * * *")

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"state": "paused", "interval_seconds": 0}, "interval_seconds"),
            ({"state": "asleep"}, "state"),
            ({"state": "deleted"}, "state"),
            ({"name": "New", "handler_name": "pulse.sleep"}, "handler_name"),
            ({"name": "New", "payload": "text"}, "payload"),
        ],
    )
    def test_a_refused_edit_leaves_all_as_it_was(
        self, client: APIClient, create: Callable[..., Schedule], changes: dict[str, Any], field: str
    ) -> None:
        schedule = create()
        before = client.get(f"{SCHEDULES}{schedule.pk}/").json()
        answer = client.patch(f"{SCHEDULES}{schedule.pk}/", changes, format="json")
        assert (answer.status_code, answer.json()["details"][0]["field"]) == (400, field)
        assert client.get(f"{SCHEDULES}{schedule.pk}/").json() == before

    def test_a_state_it_cannot_go_to_is_a_conflict(self, client: APIClient, create: Callable[..., Schedule]) -> None:
        schedule = create()
        services.update(schedule.pk, state="inactive")
        answer = client.patch(f"{SCHEDULES}{schedule.pk}/", {"state": "active"}, format="json")
        assert (answer.status_code, answer.json()["code"], answer.json()["current"]) == (
            409,
            "wrong_status",
            "inactive",
        )

    def test_delete(self, client: APIClient, create: Callable[..., Schedule]) -> None:
        schedule = create()
        assert client.delete(f"{SCHEDULES}{schedule.pk}/").status_code == 204
        for method in (client.get, client.patch, client.delete):
            answer = method(f"{SCHEDULES}{schedule.pk}/", format="json")
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_pause_and_resume(self, client: APIClient, create: Callable[..., Schedule]) -> None:
        schedule = create()
        paused = client.post(f"{SCHEDULES}{schedule.pk}/pause/", {"reason": "maintenance"}, format="json").json()
        assert (paused["state"], paused["state_reason"]) == ("paused", "maintenance")
        assert client.post(f"{SCHEDULES}{schedule.pk}/pause/").status_code == 409
        assert client.post(f"{SCHEDULES}{schedule.pk}/resume/").json()["state"] == "active"
        assert client.post(f"{SCHEDULES}{schedule.pk}/resume/").status_code == 409
        assert client.post(f"{SCHEDULES}{schedule.pk}/pause/").json()["state_reason"] == "paused by ann"

    def test_trigger(self, client: APIClient, create: Callable[..., Schedule]) -> None:
        schedule = create(handler_name="pulse.sleep", payload={"seconds": 3})
        answer = client.post(f"{SCHEDULES}{schedule.pk}/trigger/")
        body = answer.json()
        assert (answer.status_code, body["schedule_id"], body["payload"], body["source"]) == (
            201, schedule.pk, {"seconds": 3}, "ann",
        )  # fmt: skip
        other = client.post(f"{SCHEDULES}{schedule.pk}/trigger/", {"payload": {"seconds": 5}}, format="json").json()
        assert other["payload"] == {"seconds": 5}
        refused = client.post(f"{SCHEDULES}{schedule.pk}/trigger/", {"payload": {"seconds": -5}}, format="json")
        assert (refused.status_code, refused.json()["details"][0]["field"]) == (400, "payload.seconds")
        assert Job.objects.count() == 2


def test_the_overview_names_the_beats_that_live(client: APIClient, frozen_clock: FrozenClock) -> None:
    def beat(name: str, *, seconds_ago: float, **fields: Any) -> None:
        then = frozen_clock.now - timedelta(seconds=seconds_ago)
        Beat.objects.create(id=name, hostname=name, pid=7, started_at=then, last_tick_at=then, **fields)

    beat("alive", seconds_ago=1, tick_lag_s=0.25)
    beat("silent", seconds_ago=3600)
    beat("stopped", seconds_ago=1, stopped_at=frozen_clock.now)
    [found] = client.get("/api/pulse/overview/").json()["beats"]
    assert (found["hostname"], found["pid"], found["tick_lag_s"]) == ("alive", 7, 0.25)


class TestAccess:
    def test_nobody_gets_401(self, create: Callable[..., Schedule]) -> None:
        schedule = create()
        api = APIClient()
        assert api.get(SCHEDULES).status_code == 401
        assert api.post(f"{SCHEDULES}{schedule.pk}/trigger/").status_code == 401
        assert Job.objects.count() == 0

    def test_a_token_is_a_login(self) -> None:
        token = Token.objects.create(user=User.objects.create_superuser("bob"))
        assert APIClient(headers={"Authorization": f"Token {token.key}"}).get(SCHEDULES).status_code == 200

    def test_without_permission_nothing_may_be_done(self, create: Callable[..., Schedule]) -> None:
        schedule = create()
        api = APIClient()
        api.force_authenticate(User.objects.create_user("eve"))
        one = f"{SCHEDULES}{schedule.pk}/"
        answers = [
            api.get(SCHEDULES), api.post(SCHEDULES, {}, format="json"),
            api.get(one), api.patch(one, {}, format="json"), api.delete(one),
            api.post(f"{one}trigger/"), api.post(f"{one}pause/"), api.post(f"{one}resume/"),
        ]  # fmt: skip
        assert {answer.status_code for answer in answers} == {403}
        assert (services.get(schedule.pk).state, Job.objects.count()) == ("active", 0)
