"""The API of lines, stages and tasks, as seed 003 has it, without its mistakes."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client

from executions.models import Execution
from pulse.models import Job
from tasklogs.models import TaskLog

pytestmark = pytest.mark.django_db(transaction=True)
AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def api(transactional_db):
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("ada"))
    return client


@pytest.fixture
def log():
    """`log("PX_1", ("read", None, "info", "text"), ...)`: lines of one execution of job JB_1."""

    def write(execution_id, *lines, job_id="JB_1"):
        Execution.objects.get_or_create(
            id=execution_id, defaults={"job_id": job_id, "handler_name": "test.work", "started_at": AT}
        )
        begin = TaskLog.objects.filter(execution_id=execution_id).count()
        for seq, (stage, task_id, level, message) in enumerate(lines, start=begin + 1):
            TaskLog.objects.create(
                execution_id=execution_id, job_id=job_id, seq=seq, stage=stage, task_id=task_id, level=level,
                message=message, timestamp=AT + timedelta(seconds=seq), metadata={"n": seq},
            )  # fmt: skip

    return write


def text_of(client, address):
    """The body of a streamed answer, as an ASGI server gives it."""
    browser = AsyncClient()
    browser.cookies = client.cookies

    async def read():
        response = await browser.get(address)
        if not response.streaming:
            return response, response.content.decode()
        return response, b"".join([part async for part in response.streaming_content]).decode()

    return async_to_sync(read)()


def messages(response):
    return [line["message"] for line in response.json()["logs"]]


def test_stages_come_in_the_order_of_their_first_line_with_tasks_counts_and_levels(api, log):
    log(
        "PX_1",
        ("fetch", "t1", "info", "a"),
        ("fetch", "t1", "warn", "b"),
        ("fetch", "t2", "info", "c"),
        ("extract", None, "info", "d"),
        ("extract", None, "error", "e"),
        ("persist", "p1", "info", "f"),
        ("persist", "p2", "info", "g"),
        ("persist", "p2", "info", "h"),
    )
    found = api.get("/api/pulse/jobs/JB_1/stages").json()
    assert found["job_id"] == "JB_1"
    shape = [
        (stage["stage"], stage["log_count"], [(task["task_id"], task["log_count"]) for task in stage["tasks"]])
        for stage in found["stages"]
    ]
    assert shape == [
        ("fetch", 3, [("t1", 2), ("t2", 1)]),
        ("extract", 2, [("extract", 2)]),
        ("persist", 3, [("p1", 1), ("p2", 2)]),
    ]
    assert found["stages"][0] == {
        "stage": "fetch",
        "log_count": 3,
        "first_at": "2026-03-01T12:00:01Z",
        "last_at": "2026-03-01T12:00:03Z",
        "levels": {"info": 2, "warn": 1},
        "tasks": [
            {
                "task_id": "t1",
                "log_count": 2,
                "first_at": "2026-03-01T12:00:01Z",
                "last_at": "2026-03-01T12:00:02Z",
                "levels": {"info": 1, "warn": 1},
            },
            {
                "task_id": "t2",
                "log_count": 1,
                "first_at": "2026-03-01T12:00:03Z",
                "last_at": "2026-03-01T12:00:03Z",
                "levels": {"info": 1},
            },
        ],
    }


def test_a_line_without_a_task_and_one_of_a_task_named_as_its_stage_are_one_task(api, log):
    log("PX_1", ("read", None, "info", "a"), ("read", "read", "info", "b"))
    (stage,) = api.get("/api/pulse/jobs/JB_1/stages/").json()["stages"]
    assert [(task["task_id"], task["log_count"]) for task in stage["tasks"]] == [("read", 2)]


def test_a_stage_entered_twice_is_one_stage_at_its_first_place(api, log):
    log("PX_1", ("a", None, "info", "1"), ("b", None, "info", "2"), ("a", None, "info", "3"))
    found = api.get("/api/pulse/executions/PX_1/stages/").json()
    assert (found["job_id"], found["execution_id"]) == ("JB_1", "PX_1")
    assert [(stage["stage"], stage["log_count"]) for stage in found["stages"]] == [("a", 2), ("b", 1)]


def test_a_job_without_lines_has_no_stages_and_an_unknown_one_is_not_found(api):
    Job.objects.create(id="JB_1", handler_name="test.work")
    assert api.get("/api/pulse/jobs/JB_1/stages/").json() == {"job_id": "JB_1", "stages": []}
    for address in ("jobs/JB_0/stages", "jobs/JB_0/logs", "executions/PX_0/stages", "executions/PX_0/lines"):
        missing = api.get(f"/api/pulse/{address}/")
        assert (missing.status_code, missing.json()["code"]) == (404, "not_found")


def test_lines_of_a_job_have_exactly_these_fields_and_span_its_tries(api, log):
    log("PX_1", ("read", None, "info", "first"))
    log("PX_2", ("read", "t1", "error", "second"))
    log("PX_9", ("read", None, "info", "another's"), job_id="JB_9")
    found = api.get("/api/pulse/jobs/JB_1/logs/").json()
    assert (found["job_id"], found["total_count"], found["has_more"]) == ("JB_1", 2, False)
    assert [line["message"] for line in found["logs"]] == ["first", "second"]
    last = TaskLog.objects.get(message="second")
    assert found["logs"][1] == {
        "id": last.pk,
        "seq": 1,
        "execution_id": "PX_2",
        "stage": "read",
        "task_id": "t1",
        "timestamp": "2026-03-01T12:00:01Z",
        "level": "error",
        "message": "second",
        "metadata": {"n": 1},
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("stage=read", ["1", "2", "3"]),
        ("task_id=t1", ["2"]),
        ("task_id=read", ["1", "3"]),
        ("level=error", ["3", "5"]),
        ("stage=read&level=error", ["3"]),
        ("task_id=write", ["4"]),
        ("stage=nowhere", []),
    ],
)
def test_lines_may_be_filtered(api, log, query, expected):
    log(
        "PX_1",
        ("read", None, "info", "1"),
        ("read", "t1", "info", "2"),
        ("read", None, "error", "3"),
        ("write", None, "info", "4"),
        ("write", "t2", "error", "5"),
    )
    for address in ("jobs/JB_1/logs", "executions/PX_1/lines"):
        found = api.get(f"/api/pulse/{address}?{query}")
        assert messages(found) == expected
        assert found.json()["total_count"] == len(expected)


def test_lines_come_by_number_not_by_time_and_go_on_after_one(api, log):
    log("PX_1", *[("s", None, "info", str(number)) for number in range(1, 6)])
    TaskLog.objects.filter(seq=2).update(timestamp=AT + timedelta(days=1))
    first = api.get("/api/pulse/executions/PX_1/lines/?limit=2")
    assert (messages(first), first.json()["has_more"], first.json()["total_count"]) == (["1", "2"], True, 5)
    rest = api.get("/api/pulse/executions/PX_1/lines/?after=2")
    assert (messages(rest), rest.json()["has_more"]) == (["3", "4", "5"], False)
    third = TaskLog.objects.get(seq=3)
    assert messages(api.get(f"/api/pulse/jobs/JB_1/logs/?after={third.pk}")) == ["4", "5"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("level=loud", "level"),
        ("after=-1", "after"),
        ("after=x", "after"),
        (f"after={2**63}", "after"),
        ("limit=0", "limit"),
        ("limit=5001", "limit"),
        ("limit=1.5", "limit"),
        ("stage=a%00b", "stage"),
        ("task_id=%00", "task_id"),
    ],
)
def test_a_bad_filter_is_refused_with_its_name(api, log, query, field):
    log("PX_1", ("read", None, "info", "1"))
    for address in ("jobs/JB_1/logs", "executions/PX_1/lines"):
        refused = api.get(f"/api/pulse/{address}/?{query}")
        assert refused.status_code == 400
        assert [detail["field"] for detail in refused.json()["details"]] == [field]


def test_lines_of_a_task_in_any_job_and_in_one(api, log):
    log(
        "PX_1",
        ("read", "a/b.csv", "info", "mine"),
        ("a/b.csv", None, "info", "of the stage"),
        ("x", None, "info", "no"),
    )
    log("PX_2", ("read", "a/b.csv", "warn", "another's"), job_id="JB_2")
    for name in ("a/b.csv", "a%2Fb.csv"):
        every = api.get(f"/api/pulse/tasks/{name}/logs/")
        assert messages(every) == ["mine", "of the stage", "another's"]
        one = api.get(f"/api/pulse/jobs/JB_1/tasks/{name}/logs")
        assert (one.json()["task_id"], messages(one)) == ("a/b.csv", ["mine", "of the stage"])
    assert api.get("/api/pulse/tasks/none/logs/").status_code == 404
    assert api.get("/api/pulse/jobs/JB_2/tasks/x/logs/").status_code == 404
    assert api.get("/api/pulse/tasks/a%00/logs/").status_code == 400


def test_metadata_without_a_value_stays_null(api, log):
    log("PX_1", ("read", None, "info", "1"))
    TaskLog.objects.update(metadata=None)
    assert api.get("/api/pulse/jobs/JB_1/logs/").json()["logs"][0]["metadata"] is None


def test_the_log_as_text_has_every_line_however_many(api, log, monkeypatch):
    monkeypatch.setattr("tasklogs.services.CHUNK", 3)
    log("PX_1", *[("read", "t", "warn", f"line {number}") for number in range(10)])
    response, text = text_of(api, "/api/pulse/executions/PX_1/logs")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.splitlines() == [
        f"[2026-03-01T12:00:{number + 1:02d}.000Z] WARN  read/t: line {number}" for number in range(10)
    ]


def test_the_log_as_text_may_be_filtered_and_is_not_found_when_empty(api, log):
    log("PX_1", ("read", None, "info", "a"), ("read", None, "error", "b"))
    assert text_of(api, "/api/pulse/executions/PX_1/logs/?level=error")[1].endswith("ERROR read: b\n")
    response, body = text_of(api, "/api/pulse/executions/PX_1/logs/?stage=none")
    assert (response.status_code, json.loads(body)["error"]) == (404, "No logs available")


def test_a_client_that_takes_only_text_gets_it_and_errors_too(api, log):
    log("PX_1", ("read", None, "info", "a"))
    assert api.get("/api/pulse/executions/PX_1/logs/", headers={"accept": "text/plain"}).status_code == 200
    missing = api.get("/api/pulse/executions/PX_0/logs/", headers={"accept": "text/plain"})
    assert (missing.status_code, json.loads(missing.content)["code"]) == (404, "not_found")


def test_one_execution_has_its_log_its_error_and_what_its_job_says_of_it(api, log):
    Job.objects.create(
        id="JB_1", handler_name="test.work", execution_id="PX_1", progress_current=3, progress_total=12, stage="read"
    )
    log("PX_1", ("read", None, "info", "a"))
    Execution.objects.update(error_details=["Traceback", "ValueError"])
    found = api.get("/api/pulse/executions/PX_1/").json()
    assert found["logs"] == "[2026-03-01T12:00:01.000Z] INFO  read: a\n"
    assert found["error_details"] == ["Traceback", "ValueError"]
    assert found["progress"] == {"current": 3, "total": 12, "percentage": 25.0}
    assert (found["id"], found["async_job_id"], found["stage"]) == ("PX_1", "JB_1", "read")

    Job.objects.update(execution_id="PX_2")
    assert api.get("/api/pulse/executions/PX_1/").json()["progress"] is None
    assert api.get("/api/pulse/executions/PX_0/").status_code == 404


def test_a_very_long_log_is_shown_by_its_end_with_a_word_about_the_rest(api, log, monkeypatch):
    monkeypatch.setattr("tasklogs.views.IN_DETAIL", 2)
    log("PX_1", *[("read", None, "info", str(number)) for number in range(5)])
    shown = api.get("/api/pulse/executions/PX_1/").json()["logs"].splitlines()
    assert shown[0] == "(3 earlier lines: GET /api/pulse/executions/PX_1/logs/)"
    assert [line[-1] for line in shown[1:]] == ["3", "4"]


def test_nobody_and_who_may_not_look_are_turned_away(client, log):
    log("PX_1", ("read", None, "info", "a"))
    stranger = Client()
    stranger.force_login(get_user_model().objects.create_user("bob"))
    for address in (
        "jobs/JB_1/logs",
        "executions/PX_1/logs",
        "executions/PX_1",
        "tasks/read/logs",
        "jobs/JB_1/stages",
    ):
        assert client.get(f"/api/pulse/{address}/").status_code == 401
        assert stranger.get(f"/api/pulse/{address}/").status_code == 403


def test_the_admin_lists_lines_found_by_execution(api, log):
    log("PX_1", ("read", None, "info", "<b>a</b>"))
    listed = api.get("/admin/tasklogs/tasklog/?q=PX_1")
    assert b"&lt;b&gt;a&lt;/b&gt;" in listed.content
