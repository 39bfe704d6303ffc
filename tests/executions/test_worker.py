"""A real worker: handlers and plain Celery tasks get their execution and their lines, whatever becomes of them."""

import os
import signal
from collections.abc import Iterator

import psutil
import pytest

from executions import services
from executions.models import Execution
from pulse import clock
from pulse.models import Job
from tasklogs.models import TaskLog
from tasklogs.recorders import ENDED_ELSEWHERE
from tests.waiting import wait_for
from tests.workers import Worker, broker_of, worker

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def shared(django_db_setup: None, django_db_blocker, tmp_path_factory) -> Iterator[Worker]:
    with django_db_blocker.unblock(), worker(tmp_path_factory.mktemp("worker"), broker=broker_of(5)) as started:
        yield started


def ended(**which) -> Execution:
    return wait_for(lambda: Execution.objects.filter(**which).exclude(status="running").first())


def lines(execution: Execution) -> list[tuple[str, str, str | None, str]]:
    rows = TaskLog.objects.filter(execution_id=execution.pk).order_by("seq")
    assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
    return [(row.level, row.stage, row.task_id, row.message) for row in rows]


def test_a_handler_in_a_worker_is_recorded_with_all_it_says(shared):
    job = shared.ask("workload.talk")
    execution = ended(job_id=job.pk)
    assert (execution.status, execution.result_summary) == ("completed", "said it")
    assert execution.worker.endswith("@here")
    assert lines(execution) == [
        ("info", "workload.talk", None, "Starting workload.talk, attempt 1"),
        ("info", "workload.talk", None, "plain"),
        ("info", "reading", None, "Reading now"),
        ("info", "reading", "file-1", "printed"),
        ("warn", "reading", "file-1", "from elsewhere"),
        ("info", "reading", None, f"Completed in {execution.duration_ms} ms"),
    ]


def test_a_plain_task_is_recorded_and_its_arguments_and_result_are_not(shared):
    task_id = shared.send("tests.workload.tasks.add", 2, 3, api_token="hidden")
    execution = ended(celery_task_id=task_id)
    assert (execution.status, execution.job_id, execution.handler_name) == (
        "completed",
        None,
        "tests.workload.tasks.add",
    )
    assert (execution.attempt, execution.result_summary, execution.wait_ms) == (1, None, None)
    name = "tests.workload.tasks.add"
    assert lines(execution) == [
        ("info", name, None, f"Starting {name}, attempt 1"),
        ("info", name, None, "adding"),
        ("info", name, None, "printed by a task"),
        ("info", name, None, f"Completed in {execution.duration_ms} ms"),
    ]
    assert not TaskLog.objects.filter(message__contains="hidden").exists()


def test_a_plain_task_that_fails_keeps_its_error(shared):
    execution = ended(celery_task_id=shared.send("tests.workload.tasks.fail"))
    assert (execution.status, execution.error_code) == ("failed", "unknown")
    assert execution.error_message == "ValueError: it is broken␀"
    assert execution.error_details[-1] == "ValueError: it is broken␀"
    assert lines(execution)[-1][3] == f"Failed after {execution.duration_ms} ms: ValueError: it is broken␀"


def test_each_retry_of_a_plain_task_is_an_execution(shared):
    task_id = shared.send("tests.workload.tasks.fail_twice")
    first, second = (ended(celery_task_id=task_id, attempt=attempt) for attempt in (1, 2))
    assert [first.status, second.status] == ["failed", "failed"]
    assert [first.error_code, second.error_code] == ["network_error", "network_error"]
    assert lines(first)[-1][3] == f"Failed after {first.duration_ms} ms: not there (tried again in 0 s)"
    assert lines(second)[-1][3] == f"Failed after {second.duration_ms} ms: not there"


def test_a_task_that_ignores_or_rejects_has_an_end(shared):
    ignored = ended(celery_task_id=shared.send("tests.workload.tasks.leave", "ignore"))
    assert (ignored.status, ignored.result_summary) == ("completed", "ignored: the task asked Celery for it")
    rejected = ended(celery_task_id=shared.send("tests.workload.tasks.leave", "reject"))
    assert (rejected.status, rejected.error_code) == ("failed", "rejected")


def test_a_task_called_by_a_task_belongs_to_it(shared):
    execution = ended(celery_task_id=shared.send("tests.workload.tasks.outer"))
    assert [line[3] for line in lines(execution)[1:-1]] == ["before", "adding", "printed by a task", "after"]
    assert not Execution.objects.filter(handler_name="tests.workload.tasks.add").exists()


def test_time_limits_end_executions(shared):
    soft = shared.send("tests.workload.tasks.too_long")
    hard = shared.send("tests.workload.tasks.much_too_long")
    for task_id in (soft, hard):
        execution = ended(celery_task_id=task_id)
        assert (execution.status, execution.error_code) == ("failed", "timeout")
        assert lines(execution)[-1][3].startswith(f"Failed after {execution.duration_ms} ms: ")


@pytest.mark.parametrize("ask", ["handler", "task"])
def test_a_process_that_is_killed_leaves_its_lines_and_a_failed_execution(shared, ask):
    if ask == "handler":
        execution = ended(job_id=shared.ask("workload.die").pk)
    else:
        execution = ended(celery_task_id=shared.send("tests.workload.tasks.die"))
    assert (execution.status, execution.error_code) == ("failed", "worker_lost")
    found = wait_for(lambda: (told := lines(execution)) and len(told) == 3 and told)
    assert found[1][3] == "last words"
    assert found[2][3].startswith(f"Failed after {execution.duration_ms} ms: ")
    assert found[2][0] == "error"


def test_a_revoked_task_that_runs_is_cancelled(shared, tmp_path):
    task_id = shared.send("tests.workload.tasks.wait", str(tmp_path / "never"))
    wait_for(lambda: Execution.objects.filter(celery_task_id=task_id).exists())
    shared.revoke(task_id)
    execution = ended(celery_task_id=task_id)
    assert (execution.status, execution.error_code) == ("failed", "cancelled")
    assert execution.error_message == "cancelled: it was revoked and its process was ended"
    found = wait_for(lambda: (told := lines(execution)) and told[1:-1] and told)
    assert {line[3] for line in found[1:-1]} <= {"waiting", ENDED_ELSEWHERE}
    assert found[-1][3].startswith("Cancelled after ")


def test_a_worker_that_stops_ends_what_it_ran_and_loses_no_line(tmp_path):
    flag = tmp_path / "go"
    with worker(tmp_path, broker=broker_of(6)) as own:
        task_id = own.send("tests.workload.tasks.wait", str(flag))
        wait_for(lambda: Execution.objects.filter(celery_task_id=task_id).exists())
        own.process.send_signal(signal.SIGTERM)
        flag.touch()
        own.process.wait(30)
    execution = ended(celery_task_id=task_id)
    assert execution.status == "completed"
    assert lines(execution)[-1][3] == f"Completed in {execution.duration_ms} ms"


def test_a_worker_that_is_stopped_at_once_says_what_became_of_its_task(tmp_path):
    with worker(tmp_path, broker=broker_of(10)) as own:
        task_id = own.send("tests.workload.tasks.wait", str(tmp_path / "never"))
        execution = wait_for(lambda: Execution.objects.filter(celery_task_id=task_id).first())
        wait_for(lambda: TaskLog.objects.filter(execution_id=execution.pk, message="waiting").exists())
        own.stop(signal.SIGQUIT)
    execution = ended(celery_task_id=task_id)
    assert (execution.status, execution.error_code) == ("failed", "worker_lost")
    assert "the worker was stopped before it ended" in execution.error_message


def test_a_worker_that_is_killed_whole_leaves_no_plain_task_running(tmp_path, settings):
    settings.PULSE_WORKER_LOST_AFTER_S = 2.0
    with worker(tmp_path, broker=broker_of(7)) as own:
        task_id = own.send("tests.workload.tasks.wait", str(tmp_path / "never"))
        execution = wait_for(lambda: Execution.objects.filter(celery_task_id=task_id).first())
        wait_for(lambda: TaskLog.objects.filter(execution_id=execution.pk, message="waiting").exists())
        assert services.settle_lost(clock.now()) == 0
        children = psutil.Process(own.process.pid).children()
        os.kill(own.process.pid, signal.SIGKILL)
        psutil.wait_procs(children, timeout=10)
    wait_for(lambda: services.settle_lost(clock.now()) == 1)
    execution = ended(celery_task_id=task_id)
    assert (execution.status, execution.error_code) == ("failed", "worker_lost")


def test_nothing_but_handlers_is_recorded_where_that_is_asked_for(tmp_path):
    with worker(tmp_path, broker=broker_of(8), PULSE_RECORD_CELERY_TASKS="handlers") as own:
        plain = own.send("tests.workload.tasks.add", 1, 2)
        job = own.ask("workload.talk")
        ended(job_id=job.pk)
        own.stop()
        assert f"{plain}] succeeded" in own.log.read_text()
    assert not Execution.objects.filter(celery_task_id=plain).exists()


def test_arguments_and_results_are_shown_where_that_is_asked_for_but_no_secrets(tmp_path):
    with worker(tmp_path, broker=broker_of(9), PULSE_RECORD_TASK_ARGS="on") as own:
        execution = ended(celery_task_id=own.send("tests.workload.tasks.add", 2, y=3, api_token="hidden"))
    assert execution.result_summary == "5"
    line = TaskLog.objects.get(execution_id=execution.pk, seq=2)
    assert line.metadata == {"args": [2], "kwargs": {"y": 3, "api_token": "***"}}
    assert Job.objects.count() == 0
