"""`celery.task`: how the task's body ends is how the job ends."""

import logging
import os
import subprocess
import sys
import time

import pytest
from celery import current_app
from celery.app.task import Task
from celery.exceptions import Ignore, Reject
from celery.utils.log import get_task_logger
from django.conf import settings

from pulse import engine, services
from pulse.errors import InvalidPayload, PermanentError, RetryLater

NAME = "tests.handlers.work"


@pytest.fixture
def make_task():
    """Registers a Celery task for one test."""
    made = []

    def make(function, name=NAME, **options):
        function.__name__ = function.__name__.replace("<lambda>", "work")  # Celery writes a `def` with it
        task = current_app.task(name=name, **options)(function)
        made.append(task.name)
        return task

    yield make
    for name in made:
        current_app.tasks.pop(name, None)


def run(perform, *args, name=NAME, **kwargs):
    return perform("celery.task", {"task": name, "args": list(args), "kwargs": kwargs})


def refusal(**payload):
    with pytest.raises(InvalidPayload) as refused:
        services.validated_payload("celery.task", payload)
    return refused.value.details["errors"]


def test_a_task_is_called_with_its_arguments_and_the_summary_says_what_it_returned(perform, make_task, caplog):
    make_task(lambda a, b=0: {"sum": a + b})
    job = run(perform, 2, b=3)
    assert (job.status, job.result_summary) == ("completed", f"{NAME} returned {{'sum': 5}}")
    assert job.stage == NAME
    assert f"Calling {NAME}" in caplog.messages


def test_a_long_result_is_shortened_in_the_summary(perform, make_task):
    make_task(lambda: "x" * 5000)
    summary = run(perform).result_summary
    assert summary == f"{NAME} returned '{'x' * 198}…"


def test_what_the_task_logs_is_logged_while_it_runs(perform, make_task, caplog):
    caplog.set_level(logging.INFO)
    make_task(lambda: get_task_logger("shop").info("three invoices sent"))
    run(perform)
    assert "three invoices sent" in caplog.messages


@pytest.mark.parametrize(
    ("error", "status", "code", "failures"),
    [
        (ValueError("bad day"), "queued", "unknown", 1),
        (PermanentError("never"), "failed", "unknown", 1),
        (RetryLater(after_s=30), "queued", "rate_limited", 0),
        (FileNotFoundError("gone.csv"), "failed", "file_not_found", 1),
    ],
)
def test_an_error_of_the_task_is_the_error_of_the_job(perform, make_task, error, status, code, failures):
    def fail():
        raise error

    make_task(fail)
    job = run(perform)
    assert (job.status, job.error_code, job.failures) == (status, code, failures)


def test_a_bound_task_sees_the_jobs_id_and_how_often_it_failed(perform, make_task):
    seen = []
    make_task(lambda self: seen.append((self.request.id, self.request.retries, self.request.args)), bind=True)
    job = run(perform)
    assert seen == [(job.pk, 0, [])]
    assert current_app.tasks[NAME].request.id is None  # nothing is left for whoever calls the task next


def test_retry_ends_the_try_with_its_error_and_does_not_run_or_send_the_task_again(perform, make_task):
    calls = []

    def work(self):
        calls.append(1)
        raise self.retry(exc=ConnectionError("no route"), countdown=60, max_retries=9)

    make_task(work, bind=True)
    job = run(perform)
    assert (job.status, job.error_code, job.error_message, job.failures) == ("queued", "network_error", "no route", 1)
    assert len(calls) == 1


def test_retry_without_an_error_is_a_try_that_failed(perform, make_task):
    def work(self):
        raise self.retry(countdown=60)

    make_task(work, bind=True)
    job = run(perform)
    assert (job.status, job.failures) == ("queued", 1)
    assert job.error_message == f"AskedForRetry: {NAME} asked to be tried again"


def test_autoretry_leaves_the_retries_to_the_job(perform, make_task):
    calls = []

    def work():
        calls.append(1)
        raise ConnectionError("no route")

    make_task(work, autoretry_for=(ConnectionError,), retry_backoff=True, max_retries=5)
    begun = time.monotonic()
    job = run(perform)
    assert (job.status, job.error_message, len(calls)) == ("queued", "no route", 1)
    assert time.monotonic() - begun < 5


def test_a_task_that_asks_to_be_ignored_is_done(perform, make_task):
    def work():
        raise Ignore

    make_task(work)
    job = run(perform)
    assert (job.status, job.result_summary) == ("completed", f"{NAME} asked to be ignored")


@pytest.mark.parametrize(("requeue", "status"), [(False, "failed"), (True, "queued")])
def test_a_task_that_rejects_its_message_fails_for_good_or_is_tried_again(perform, make_task, requeue, status):
    def work():
        raise Reject("poison", requeue=requeue)

    make_task(work)
    job = run(perform)
    assert job.status == status
    assert job.error_message.endswith(f"{NAME} rejected its message: poison")


def test_replace_runs_the_other_task_in_place(perform, make_task):
    other = make_task(lambda: "from the other", name="tests.handlers.other")

    def work(self):
        return self.replace(other.s())

    make_task(work, bind=True)
    assert run(perform).result_summary == f"{NAME} returned 'from the other'"


@pytest.mark.parametrize(("code", "status"), [(0, "completed"), (2, "queued")])
def test_a_task_that_ends_its_process_ends_only_its_job(perform, make_task, code, status):
    make_task(lambda: sys.exit(code))
    assert run(perform).status == status


def test_a_base_class_that_wraps_the_call_is_respected(perform, make_task):
    class Wrapped(Task):
        def __call__(self, *args, **kwargs):
            return f"wrapped {super().__call__(*args, **kwargs)}"

    make_task(lambda word: word, base=Wrapped)
    assert run(perform, "gift").result_summary == f"{NAME} returned 'wrapped gift'"


def test_an_unknown_name_is_refused_and_near_ones_are_named(make_task):
    make_task(lambda: None)
    assert refusal(task="tests.handlers.wrok") == [
        {
            "field": "payload.task",
            "message": f"no Celery task 'tests.handlers.wrok' is registered; there is: {NAME}",
        }
    ]
    assert refusal(task="zzz")[0]["message"] == "no Celery task 'zzz' is registered"


@pytest.mark.parametrize("name", ["celery.backend_cleanup", "celery.chord_unlock", "celery.nothing"])
def test_celerys_own_tasks_are_refused(name):
    message = f"'{name}' is one of Celery's internal tasks: they are no work of the project"
    assert refusal(task=name) == [{"field": "payload.task", "message": message}]


@pytest.mark.parametrize("name", ["celery.task", "http.request", "pulse.noop"])
def test_a_handler_is_refused_because_it_is_a_job_itself(name):
    message = f"'{name}' is a handler of Pulse: ask for a job of it directly"
    assert refusal(task=name) == [{"field": "payload.task", "message": message}]


def test_arguments_that_do_not_fit_are_refused(make_task):
    def add(a, b):
        return a + b

    make_task(add)
    assert refusal(task=NAME, args=[1]) == [
        {
            "field": "payload",
            "message": "the arguments do not fit the task: add() missing 1 required positional argument: 'b'",
        }
    ]
    assert refusal(task=NAME, kwargs={"c": 1})[0]["message"].startswith("the arguments do not fit the task: add() ")


def test_a_task_that_declares_no_typing_takes_any_arguments(make_task):
    make_task(lambda a: a, typing=False)
    assert services.validated_payload("celery.task", {"task": NAME}) == {"task": NAME}


def test_a_worker_that_does_not_know_the_task_any_more_fails_the_job_at_once(perform, make_task):
    make_task(lambda: None)
    job = services.enqueue("celery.task", {"task": NAME})
    current_app.tasks.unregister(NAME)
    engine.perform(job.pk, worker_id="w1")
    job.refresh_from_db()
    assert (job.status, job.error_code) == ("failed", "validation_error")
    assert f"no Celery task '{NAME}' is registered" in job.error_message


def test_a_process_that_has_not_imported_the_tasks_yet_finds_them(tmp_path):
    app = tmp_path / "shop_app"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "tasks.py").write_text("from celery import shared_task\n\n@shared_task\ndef ping():\n    return 'pong'\n")
    code = (
        "import sys, django; django.setup(); assert 'shop_app.tasks' not in sys.modules;"
        "from pulse.services import validated_payload as checked;"
        "print(checked('celery.task', {'task': 'shop_app.tasks.ping'}))"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "PULSE_EXTRA_APPS": "shop_app"}
    environment["DJANGO_SETTINGS_MODULE"] = "pulse_project.settings"
    command = [sys.executable, "-c", code]
    asked = subprocess.run(command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True)
    assert (asked.stdout, asked.returncode) == ("{'task': 'shop_app.tasks.ping'}\n", 0), asked.stderr
