"""The engine: a job is claimed once, asks its gates, runs, and is settled once."""

import logging
from datetime import timedelta

import pytest
from django.db import OperationalError
from pydantic import BaseModel

from executions.models import Execution
from pulse import clock, engine, services
from pulse.errors import Cancelled, PermanentError, RetryLater
from pulse.models import Job, Switch
from pulse.registry import registry
from pulse.run import Run
from pulse.states import JobStatus

pytestmark = pytest.mark.django_db(transaction=True)


class Words(BaseModel):
    word: str = "none"


def perform(job: Job) -> Job:
    engine.perform(job.pk, worker_id="w1", worker_name="w1@here")
    job.refresh_from_db()
    return job


def test_a_job_that_returns_is_completed_with_its_summary_and_one_execution(make_handler):
    make_handler(lambda run: f"said {run.payload.word}", payload=Words)
    job = perform(services.enqueue("test.work", {"word": "hello"}))

    assert (job.status, job.result_summary, job.attempt, job.failures) == ("completed", "said hello", 1, 0)
    execution = Execution.objects.get(job_id=job.pk)
    assert (execution.status, execution.result_summary, execution.attempt) == ("completed", "said hello", 1)
    assert execution.duration_ms == round((execution.completed_at - execution.started_at).total_seconds() * 1000)
    assert execution.worker == "w1@here"


def test_the_execution_is_running_before_the_handlers_first_line(make_handler):
    seen = []
    make_handler(lambda run: seen.append(Execution.objects.get(pk=run.execution_id).status))
    perform(services.enqueue("test.work"))
    assert seen == ["running"]


def test_a_claimed_job_cannot_be_claimed_again(make_handler):
    make_handler(lambda run: None)
    job = services.enqueue("test.work")
    assert engine.claim(job.pk, worker_id="w1") is not None
    assert engine.claim(job.pk, worker_id="w2") is None
    assert Execution.objects.filter(job_id=job.pk).count() == 1


def test_a_job_is_not_claimed_before_its_time(make_handler):
    make_handler(lambda run: None)
    job = services.enqueue("test.work", run_at=clock.now() + timedelta(hours=1))
    assert engine.claim(job.pk, worker_id="w1") is None
    job.refresh_from_db()
    assert (job.status, job.attempt) == ("queued", 0)


def test_a_worker_whose_lease_was_taken_over_changes_nothing_and_says_so(make_handler, caplog):
    make_handler(lambda run: None)
    job = services.enqueue("test.work")
    late = engine.claim(job.pk, worker_id="w1")
    Job.objects.filter(pk=job.pk).update(status=JobStatus.QUEUED, execution_id=None)
    fresh = engine.claim(job.pk, worker_id="w2")

    with caplog.at_level(logging.WARNING, logger="pulse.engine"):
        engine.run(late)

    job.refresh_from_db()
    assert (job.status, job.execution_id, job.worker_id) == ("running", fresh.execution_id, "w2")
    assert "its lease was taken over" in caplog.text


def test_a_transient_failure_is_tried_again_later_and_says_when(make_handler):
    def fail(run: Run) -> None:
        raise ConnectionError("the peer hung up")

    make_handler(fail)
    job = perform(services.enqueue("test.work"))

    assert (job.status, job.failures, job.error_code) == ("queued", 1, "network_error")
    assert 3 <= (job.run_at - clock.now()).total_seconds() <= 6
    assert "retry 1 of 2" in job.waiting_reason
    assert "the peer hung up" in job.waiting_reason
    assert Execution.objects.get(job_id=job.pk).status == "failed"


def test_a_job_fails_for_good_when_its_retries_are_used_up(make_handler):
    def fail(run: Run) -> None:
        raise ConnectionError("the peer hung up")

    make_handler(fail, max_retries=1)
    job = perform(services.enqueue("test.work"))
    Job.objects.filter(pk=job.pk).update(run_at=None)
    job = perform(job)

    assert (job.status, job.attempt, job.failures) == ("failed", 2, 2)
    assert [e.status for e in Execution.objects.filter(job_id=job.pk)] == ["failed", "failed"]


def test_a_permanent_error_is_not_tried_again(make_handler):
    def fail(run: Run) -> None:
        raise PermanentError("there is no such customer")

    make_handler(fail)
    job = perform(services.enqueue("test.work"))
    assert (job.status, job.failures) == ("failed", 1)
    execution = Execution.objects.get(job_id=job.pk)
    assert "there is no such customer" in execution.error_message
    assert execution.error_details[-1].endswith("PermanentError: there is no such customer")


def test_retry_later_uses_no_retry(make_handler):
    def later(run: Run) -> None:
        raise RetryLater("busy", after_s=60)

    make_handler(later, max_retries=0)
    job = perform(services.enqueue("test.work"))
    assert (job.status, job.failures, job.attempt) == ("queued", 0, 1)
    assert 58 <= (job.run_at - clock.now()).total_seconds() <= 61


def test_a_running_job_that_is_cancelled_ends_cancelled_at_its_next_look(make_handler):
    def work(run: Run) -> None:
        services.cancel(run.job_id)
        run.stage("next")

    make_handler(work)
    job = perform(services.enqueue("test.work"))
    assert (job.status, job.error_code) == ("cancelled", "cancelled")
    execution = Execution.objects.get(job_id=job.pk)
    assert (execution.status, execution.error_code) == ("failed", "cancelled")


def test_a_handlers_own_except_exception_does_not_swallow_a_cancel(make_handler):
    def stubborn(run: Run) -> None:
        try:
            raise Cancelled("stop")
        except Exception:  # noqa: BLE001, S110
            pass

    make_handler(stubborn)
    assert perform(services.enqueue("test.work")).status == "cancelled"


def test_a_cancelled_job_that_fails_is_not_tried_again(make_handler):
    def fail(run: Run) -> None:
        services.cancel(run.job_id)
        raise ConnectionError("gone")

    make_handler(fail)
    job = perform(services.enqueue("test.work"))
    assert job.status == "cancelled"
    assert job.finished_at is not None


def test_a_running_job_pauses_at_its_next_checkpoint_and_resumes_into_the_queue(make_handler):
    asked = []

    def work(run: Run) -> None:
        if not asked:
            asked.append(True)
            services.pause(run.job_id)
        run.stage("next")

    make_handler(work)
    job = perform(services.enqueue("test.work"))
    assert (job.status, job.pause_reason) == ("paused", "user_requested")
    assert services.resume(job.pk).status == "queued"
    assert perform(job).status == "completed"


def test_a_gate_that_refuses_leaves_a_job_that_never_started(make_handler):
    ran = []
    make_handler(lambda run: ran.append(1))
    services.switch_off(Switch.Scope.HANDLER, "test.work", reason="prices are wrong")
    job = perform(services.enqueue("test.work"))

    assert ran == []
    assert (job.status, job.attempt, job.execution_id, job.started_at) == ("paused", 0, None, None)
    assert job.waiting_reason == "handler 'test.work' is paused by an operator: prices are wrong"
    assert job.waiting_gate == "pulse.gates.paused"
    assert Execution.objects.filter(job_id=job.pk).count() == 0


def test_turning_a_switch_on_again_wakes_what_it_held(make_handler):
    make_handler(lambda run: None)
    services.switch_off(Switch.Scope.ALL)
    job = perform(services.enqueue("test.work"))
    operators_own = services.pause(services.enqueue("test.work").pk)
    services.switch_on(Switch.Scope.ALL)

    job.refresh_from_db()
    operators_own.refresh_from_db()
    assert job.resume_at is not None
    assert operators_own.resume_at is None


def test_progress_stage_and_cost_are_on_the_settled_job(make_handler):
    def work(run: Run) -> None:
        run.stage("count")
        run.progress(3, total=10)
        run.progress(advance=1)
        run.spend("0.25", "one call")

    make_handler(work)
    job = perform(services.enqueue("test.work"))
    assert (job.progress_current, job.progress_total, job.stage, job.cost_micros) == (4, 10, "count", 250_000)
    assert job.progress_pct == 40.0
    assert Execution.objects.get(job_id=job.pk).cost_micros == 250_000


def test_a_job_of_a_handler_that_is_gone_fails_with_its_name(make_handler):
    make_handler(lambda run: None)
    job = services.enqueue("test.work")
    registry.remove("test.work")
    job = perform(job)
    assert (job.status, job.error_code) == ("failed", "validation_error")
    assert "handler 'test.work' is not registered" in job.error_message


def test_a_stored_payload_that_no_longer_fits_fails_without_telling_its_values(make_handler):
    make_handler(lambda run: None, payload=Words)
    job = services.enqueue("test.work", {"word": "fine"})
    Job.objects.filter(pk=job.pk).update(payload={"word": ["s3cret"]})
    job = perform(job)
    assert (job.status, job.error_code) == ("failed", "validation_error")
    assert "payload.word" in job.error_message
    execution = Execution.objects.get(job_id=job.pk)
    assert "s3cret" not in job.error_message + " ".join(execution.error_details)


@pytest.mark.parametrize("is_carried_out", [True, False])
def test_a_claim_whose_connection_breaks_is_found_or_made_again(make_handler, monkeypatch, is_carried_out):
    make_handler(lambda run: None)
    job = services.enqueue("test.work")
    ask, asked = engine._claims, []

    def break_once(statement, given):
        asked.append(statement)
        found = ask(statement, given) if is_carried_out or len(asked) > 1 else []
        if len(asked) == 1:
            raise OperationalError("the connection was closed")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(engine, "_claims", break_once)
        claimed = engine.claim(job.pk, worker_id="w1")
    assert (claimed.job_id, claimed.attempt, len(asked)) == (job.pk, 1, 1 if is_carried_out else 2)
    assert engine.run(claimed).status == "completed"
    assert Execution.objects.filter(job_id=job.pk).count() == 1
