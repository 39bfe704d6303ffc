"""The execution's row is there while the job runs, and ends exactly once, with the job."""

from datetime import timedelta

import pytest

from executions.models import Execution
from pulse import clock, engine, services
from pulse.errors import PermanentError
from pulse.models import Job, Switch
from pulse.outcomes import Outcome
from pulse.states import JobStatus

pytestmark = pytest.mark.django_db(transaction=True)


def perform(job):
    engine.perform(job.pk, worker_id="w1", worker_name="celery@here")
    return Execution.objects.filter(job_id=job.pk).latest("started_at")


def test_a_running_execution_names_its_job_try_and_worker_and_has_no_end(make_handler):
    make_handler(lambda run: None)
    job = services.enqueue("test.work")
    engine.claim(job.pk, worker_id="w1", worker_name="celery@here")
    execution = Execution.objects.get()
    job.refresh_from_db()
    assert (execution.pk, execution.job_id, execution.celery_task_id) == (job.execution_id, job.pk, job.pk)
    assert (execution.attempt, execution.worker, execution.worker_id) == (1, "celery@here", "w1")
    assert (execution.status, execution.started_at) == ("running", job.started_at)
    assert (execution.completed_at, execution.duration_ms, execution.error_details) == (None, None, [])


def test_waiting_is_counted_from_when_the_job_was_due(make_handler):
    make_handler(lambda run: None)
    job = services.enqueue("test.work")
    asked = clock.now()
    Job.objects.filter(pk=job.pk).update(
        created_at=asked - timedelta(hours=1), due_at=asked - timedelta(seconds=30), schedule_id="SP_x"
    )
    execution = perform(job)
    assert 30_000 <= execution.wait_ms < 60_000
    assert execution.scheduled_job_id == "SP_x"


def test_waiting_is_never_negative(make_handler):
    make_handler(lambda run: None)
    job = services.enqueue("test.work")
    Job.objects.filter(pk=job.pk).update(due_at=clock.now() + timedelta(hours=1))
    assert perform(job).wait_ms == 0


def test_a_failure_keeps_message_code_and_every_line_of_its_traceback(make_handler):
    def work(run):
        raise FileNotFoundError("no such file: /a\x00b")

    make_handler(work)
    execution = perform(services.enqueue("test.work"))
    assert (execution.status, execution.error_code) == ("failed", "file_not_found")
    assert execution.error_message == "no such file: /a␀b"
    assert execution.error_details[0] == "Traceback (most recent call last):"
    assert execution.error_details[-1] == "FileNotFoundError: no such file: /a␀b"
    assert execution.result_summary is None


def test_a_code_that_is_longer_than_its_column_is_cut(make_handler):
    class Odd(PermanentError):
        error_code = "x" * 60

    def work(run):
        raise Odd("odd")

    make_handler(work)
    assert perform(services.enqueue("test.work")).error_code == "x" * 40


def test_money_spent_is_kept(make_handler):
    make_handler(lambda run: run.spend("0.25"))
    assert perform(services.enqueue("test.work")).cost_micros == 250_000


def test_an_execution_ends_once(make_handler):
    make_handler(lambda run: "first")
    job = services.enqueue("test.work")
    claim = engine.claim(job.pk, worker_id="w1")
    assert engine.settle(claim, Outcome(status=JobStatus.COMPLETED, result_summary="first"))
    assert not engine.settle(claim, Outcome(status=JobStatus.FAILED, error_message="second"))
    execution = Execution.objects.get()
    assert (execution.status, execution.result_summary, execution.error_message) == ("completed", "first", None)


def test_a_job_that_a_gate_refuses_has_no_execution(make_handler):
    make_handler(lambda run: None)
    services.switch_off(Switch.Scope.HANDLER, "test.work", reason="")
    engine.perform(services.enqueue("test.work").pk, worker_id="w1")
    assert Execution.objects.count() == 0


def test_the_database_refuses_an_end_without_a_time(make_execution):
    execution = make_execution(status="running")
    with pytest.raises(Exception, match="pulse_executions_ended_has_a_time"):
        Execution.objects.filter(pk=execution.pk).update(status="failed")
