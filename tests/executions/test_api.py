"""The API of executions, as seed 002 has it."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from pulse.models import Job
from schedules.models import Schedule

pytestmark = pytest.mark.django_db


def ids_of(response):
    return [row["id"] for row in response.json()["executions"]]


def test_an_execution_has_exactly_these_fields(api, make_execution):
    execution = make_execution(
        scheduled_job_id="SP_a", job_id="JB_a", worker="w@h", wait_ms=7, cost_micros=1_250_000, error_message=None
    )
    response = api.get("/api/pulse/jobs/SP_a/executions/")
    assert response.json() == {
        "executions": [
            {
                "id": execution.pk,
                "scheduled_job_id": "SP_a",
                "async_job_id": "JB_a",
                "handler_name": "test.work",
                "attempt": 1,
                "status": "completed",
                "worker": "w@h",
                "started_at": execution.started_at.isoformat().replace("+00:00", "Z"),
                "completed_at": execution.completed_at.isoformat().replace("+00:00", "Z"),
                "duration_ms": 2000,
                "wait_ms": 7,
                "result_summary": None,
                "error_message": None,
                "error_code": None,
                "cost_usd": 1.25,
            }
        ],
        "count": 1,
        "total": 1,
        "has_more": False,
    }


def test_executions_come_newest_first_in_pages(api, make_execution):
    made = [make_execution(scheduled_job_id="SP_a", minutes_ago=number).pk for number in range(5)]
    first = api.get("/api/pulse/jobs/SP_a/executions?limit=2")
    second = api.get("/api/pulse/jobs/SP_a/executions?limit=2&offset=2")
    last = api.get("/api/pulse/jobs/SP_a/executions?limit=2&offset=4")
    assert [ids_of(page) for page in (first, second, last)] == [made[:2], made[2:4], made[4:]]
    assert [page.json()["has_more"] for page in (first, second, last)] == [True, True, False]
    assert {page.json()["total"] for page in (first, second, last)} == {5}
    assert [page.json()["count"] for page in (first, second, last)] == [2, 2, 1]


def test_status_filters_and_a_wrong_one_is_refused(api, make_execution):
    for status in ("completed", "completed", "failed", "running"):
        make_execution(scheduled_job_id="SP_a", status=status)
    totals = [
        api.get(f"/api/pulse/jobs/SP_a/executions/?status={status}").json()["total"]
        for status in ("completed", "failed", "running")
    ]
    assert totals == [2, 1, 1]
    wrong = api.get("/api/pulse/jobs/SP_a/executions/?status=done")
    assert wrong.status_code == 400
    assert wrong.json()["error"] == "Invalid status: done"
    assert wrong.json()["details"][0]["field"] == "status"


@pytest.mark.parametrize(
    ("query", "count"),
    [("", 50), ("?limit=abc&offset=xyz", 50), ("?limit=1000", 100), ("?limit=0", 1), ("?limit=-4&offset=-4", 1)],
)
def test_a_limit_that_is_no_number_falls_back_and_one_out_of_range_is_clamped(api, make_execution, query, count):
    for _ in range(101):
        make_execution(job_id="JB_a")
    assert api.get(f"/api/pulse/jobs/JB_a/executions{query}").json()["count"] == count


def test_the_id_of_a_job_or_of_a_schedule_in_either_form_is_taken(api, make_execution):
    mine = make_execution(job_id="JB_a", scheduled_job_id="SP_a").pk
    make_execution(job_id="JB_b", scheduled_job_id="SP_b")
    for address in ("jobs/JB_a", "jobs/SP_a", "jobs/SPJ_a", "schedules/SP_a", "schedules/SPJ_a"):
        assert ids_of(api.get(f"/api/pulse/{address}/executions/")) == [mine]


def test_an_owner_without_executions_has_an_empty_list_and_an_unknown_one_is_not_found(api):
    Job.objects.create(id="JB_new", handler_name="test.work")
    Schedule.objects.create(id="SP_new", name="new", handler_name="test.work", state="paused")
    for owner in ("JB_new", "SP_new"):
        assert api.get(f"/api/pulse/jobs/{owner}/executions/").json()["total"] == 0
    missing = api.get("/api/pulse/jobs/JB_none/executions/")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_all_executions_may_be_narrowed_to_a_handler(api, make_execution):
    mine = make_execution(handler_name="one.thing").pk
    make_execution(handler_name="other.thing")
    assert ids_of(api.get("/api/pulse/executions?handler_name=one.thing")) == [mine]
    assert len(ids_of(api.get("/api/pulse/executions/"))) == 2


def test_a_filter_that_no_column_can_hold_is_refused(api):
    response = api.get("/api/pulse/executions/?handler_name=a%00b")
    assert (response.status_code, response.json()["details"][0]["field"]) == (400, "handler_name")


def test_nobody_and_who_may_not_look_are_turned_away(client, make_execution):
    make_execution(job_id="JB_a")
    assert client.get("/api/pulse/executions/").status_code == 401
    stranger = Client()
    stranger.force_login(get_user_model().objects.create_user("bob"))
    assert stranger.get("/api/pulse/executions/").status_code == 403


def test_the_admin_lists_and_shows_executions_and_changes_none(api, make_execution):
    execution = make_execution(error_message="<script>")
    listed = api.get("/admin/executions/execution/?handler_name=pulse.noop&status__exact=completed")
    assert listed.status_code == 200
    shown = api.get(f"/admin/executions/execution/{execution.pk}/change/")
    assert b"&lt;script&gt;" in shown.content
    assert api.get("/admin/executions/execution/add/").status_code == 403
