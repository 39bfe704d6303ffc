"""Plain Celery tasks called in this process: what is recorded, and that it never gets in the way."""

import pytest
from celery import current_app, shared_task
from django.db import transaction

from executions import plain, services
from executions.models import Execution
from executions.unsettled import unsettled
from pulse import stream
from pulse.run import current_run
from tasklogs.models import TaskLog
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


@shared_task(name="tests.plain")
def say(fails=False):
    run = current_run.get()
    if run is not None:
        run.stage("reading")
        with run.task("t1"):
            run.log.info("in a task")
        run.spend("0.5")
        run.check_cancelled()
        run.progress(1, total=2)
        run.summary("summed up")
    if fails:
        raise ValueError("wrong")


@pytest.fixture
def told(monkeypatch):
    messages = []
    monkeypatch.setattr(stream, "append", lambda message, **_: messages.append(message))
    return messages


def test_a_plain_task_may_use_the_run_it_never_asked_for(told):
    say.apply()
    execution = Execution.objects.get()
    assert (execution.status, execution.result_summary, execution.cost_micros) == ("completed", "summed up", 500_000)
    lines = TaskLog.objects.filter(execution_id=execution.pk).order_by("seq")
    assert [(line.stage, line.task_id, line.message) for line in lines[1:3]] == [
        ("reading", None, "Stage reading"),
        ("reading", "t1", "in a task"),
    ]
    assert current_run.get() is None
    assert plain.begun == {}


def test_the_same_events_are_told_as_of_a_handler(told):
    task_id = say.apply(kwargs={"fails": True}).id
    execution = Execution.objects.get()
    started, failed = (message for message in told if message["type"].startswith("pulse_execution"))
    names = {
        "execution_id": execution.pk,
        "job_id": task_id,
        "scheduled_job_id": None,
        "async_job_id": None,
        "handler_name": "tests.plain",
    }
    assert {name: started[name] for name in names} == names
    assert (started["type"], started["attempt"]) == ("pulse_execution_started", 1)
    assert {name: failed[name] for name in names} == names
    assert (failed["type"], failed["duration_ms"]) == ("pulse_execution_failed", execution.duration_ms)
    assert (failed["error"], failed["error_code"]) == ("ValueError: wrong", "unknown")
    assert failed["error_details"][-1] == "ValueError: wrong"


@pytest.mark.parametrize(
    ("wanted", "recorded"),
    [
        ("all", True),
        ("handlers", False),
        ("tests.plain", True),
        ("other.*, tests.p*", True),
        ("other.task", False),
        ("", False),
    ],
)
def test_a_setting_says_which_tasks_are_recorded(settings, wanted, recorded):
    settings.PULSE_RECORD_CELERY_TASKS = wanted
    assert plain.is_recorded("tests.plain") is recorded


def test_celerys_own_tasks_and_handlers_are_never_recorded_here():
    assert not plain.is_recorded("celery.backend_cleanup")
    assert not plain.is_recorded("pulse.noop")


def test_a_task_called_in_a_transaction_leaves_it_whole(monkeypatch):
    with transaction.atomic():
        with monkeypatch.context() as broken:
            broken.setattr(services, "BEGIN", "SELECT nonsense")
            result = say.apply()
        Execution.objects.create(handler_name="still.works", started_at="2026-01-01T00:00:00Z")
    assert result.state == "SUCCESS"
    assert Execution.objects.filter(handler_name="still.works").exists()
    wait_for(lambda: Execution.objects.filter(handler_name="tests.plain", status="completed").exists())
    unsettled.join(5)


def test_an_end_that_could_not_be_written_is_written_when_it_can_be(monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(services, "SETTLE", "SELECT nonsense {recorders}")
        assert say.apply().state == "SUCCESS"
        assert Execution.objects.get().status == "running"
    wait_for(lambda: Execution.objects.get().status == "completed")
    unsettled.join(5)
    assert TaskLog.objects.filter(message="in a task").count() == 1


def test_a_task_that_is_called_twice_has_two_executions():
    for _ in range(2):
        current_app.tasks["tests.plain"].apply(task_id="the-same")
    assert Execution.objects.filter(celery_task_id="the-same", status="completed").count() == 2
