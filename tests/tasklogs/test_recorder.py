"""The last lines and the end of an execution are written by one statement, whoever settles it and however often."""

from datetime import timedelta

import pytest
from django.db import ProgrammingError

from executions.models import Execution
from pulse import clock, engine, ids, orphans, recorders, services
from pulse.errors import PauseRequested, PermanentError
from pulse.models import Job
from pulse.outcomes import Outcome
from pulse.run import Claim, Run
from pulse.states import JobStatus
from tasklogs.buffers import current
from tasklogs.flusher import flusher
from tasklogs.models import TaskLog

pytestmark = pytest.mark.django_db(transaction=True)


def messages(execution_id):
    return list(
        TaskLog.objects.filter(execution_id=execution_id).order_by("seq").values_list("seq", "level", "message")
    )


def test_a_failure_is_the_last_line_with_its_traceback(perform, lines_of):
    def work(run):
        run.stage("parse")
        raise PermanentError("row 7 is\x00 no row")

    execution = perform(work)
    last = lines_of(execution)[-1]
    assert last.message == f"Failed after {execution.duration_ms} ms: row 7 is␀ no row"
    assert (last.level, last.stage, last.seq) == ("error", "parse", 3)
    assert last.metadata["error_code"] == execution.error_code
    assert "raise PermanentError" in last.metadata["traceback"]
    assert execution.error_message == "row 7 is␀ no row"


def test_a_failure_that_is_tried_again_says_when(perform, lines_of):
    def work(run):
        raise ConnectionError("gone")

    execution = perform(work)
    job = Job.objects.get(pk=execution.job_id)
    after_s = (job.run_at - execution.completed_at).total_seconds()
    assert lines_of(execution)[-1].message == (
        f"Failed after {execution.duration_ms} ms: gone (tried again in {after_s:.0f} s)"
    )


def test_each_try_has_a_log_of_its_own_numbered_from_one(make_handler):
    make_handler(lambda run: {}["missing"], max_retries=1)
    job = services.enqueue("test.work")
    for _ in range(2):
        Job.objects.filter(pk=job.pk).update(run_at=None)
        engine.perform(job.pk, worker_id="w1")
    tries = Execution.objects.filter(job_id=job.pk).order_by("attempt")
    assert [[seq for seq, _, _ in messages(one.pk)] for one in tries] == [[1, 2], [1, 2]]
    assert messages(tries[1].pk)[0] == (1, "info", "Starting test.work, attempt 2")


def test_a_paused_run_says_so(perform, lines_of):
    def work(run):
        raise PauseRequested

    execution = perform(work)
    assert lines_of(execution)[-1].message.startswith(
        f"Paused after {execution.duration_ms} ms: paused by an operator"
    )


def test_a_payload_that_does_not_fit_leaves_one_line_that_says_why(make_handler):
    make_handler(lambda run: None)
    job = services.enqueue("test.work")
    Job.objects.filter(pk=job.pk).update(payload={"surprise": 1})
    engine.perform(job.pk, worker_id="w1")
    execution = Execution.objects.get(job_id=job.pk)
    ((seq, level, message),) = messages(execution.pk)
    assert (seq, level) == (1, "error")
    assert message.startswith(f"Failed after {execution.duration_ms} ms: the payload does not fit")


def test_a_worker_that_died_leaves_its_lines_and_the_sweeper_adds_the_last_one(make_handler):
    make_handler(lambda run: None)
    claim = engine.claim(services.enqueue("test.work").pk, worker_id="w1")
    for seq in (1, 2):
        TaskLog.objects.create(
            execution_id=claim.execution_id, job_id=claim.job_id, seq=seq, timestamp=clock.now(), message="said"
        )
    orphans.reap(clock.now() + timedelta(hours=1))

    execution = Execution.objects.get(pk=claim.execution_id)
    assert (execution.status, execution.error_code) == ("failed", "worker_lost")
    seq, level, message = messages(claim.execution_id)[-1]
    assert (seq, level) == (3, "error")
    assert message.startswith(f"Failed after {execution.duration_ms} ms: worker lost: w1 is not known")


def test_a_worker_that_comes_too_late_keeps_its_lines_and_is_told_in_them(make_handler):
    make_handler(lambda run: run.log.info("too late"))
    job = services.enqueue("test.work")
    late = engine.claim(job.pk, worker_id="w1")
    Job.objects.filter(pk=job.pk).update(status=JobStatus.QUEUED, execution_id=None)
    engine.run(late)
    flusher.stop()
    assert [message for _, _, message in messages(late.execution_id)] == [
        "Starting test.work, attempt 1",
        "too late",
        "This try was ended from outside (its lease was taken over): its own outcome does not count",
    ]


def test_a_settle_that_failed_is_tried_again_and_writes_each_line_once(make_handler):
    make_handler(lambda run: None)
    claim = engine.claim(services.enqueue("test.work").pk, worker_id="w1")
    (recorder,) = [one for one in recorders.recorders() if type(one).__name__ == "TaskLogRecorder"]
    run = Run(claim, None)
    recorder.begin(run)
    run.log.info("one")
    outcome = Outcome(status=JobStatus.COMPLETED)
    first = recorder.settle_values(claim, outcome)  # the statement failed here
    run.log.info("two")
    second = recorder.settle_values(claim, outcome)

    assert second["tasklogs_last_seq"] == first["tasklogs_last_seq"] == 3
    given = [(line["seq"], line["message"]) for line in second["tasklogs_lines"]]
    assert given == [(1, "Starting test.work, attempt 1"), (2, "one"), (4, "two")]
    assert engine.settle(claim, outcome)
    assert [seq for seq, _, _ in messages(claim.execution_id)] == [1, 2, 3, 4]


def test_a_settle_that_is_given_up_leaves_its_lines_to_the_next_run(make_handler, monkeypatch):
    make_handler(lambda run: run.log.info("kept"))
    monkeypatch.setattr("tasklogs.flusher.ABANDONED_S", -1.0)
    claim = engine.claim(services.enqueue("test.work").pk, worker_id="w1")
    with monkeypatch.context() as patched:
        patched.setattr("pulse.engine.SETTLE", "broken {recorders}")
        with pytest.raises(ProgrammingError):
            engine.run(claim)
    assert messages(claim.execution_id) == []

    engine.perform(services.enqueue("test.work").pk, worker_id="w1")
    flusher.stop()
    assert [message for _, _, message in messages(claim.execution_id)] == ["Starting test.work, attempt 1", "kept"]


def test_a_run_inside_a_run_logs_to_its_own_and_then_to_the_outer_again(perform, make_handler, lines_of):
    def work(run):
        inner = make_handler(lambda run: run.log.info("inside"), name="test.inner")
        engine.perform(services.enqueue(inner.name).pk, worker_id="w1")
        run.log.info("outside")

    lines = lines_of(perform(work))
    assert [line.message for line in lines[1:-1]] == ["outside"]
    assert TaskLog.objects.filter(message="inside").get().stage == "test.inner"
    assert current.get() is None


def test_five_hundred_lines_ride_on_the_settle_and_more_are_copied_before(perform, lines_of):
    def work(run):
        for number in range(2_345):
            run.log.info("line %d", number)

    lines = lines_of(perform(work))
    assert [line.message for line in lines[1:-1]] == [f"line {number}" for number in range(2_345)]
    assert [line.seq for line in lines] == list(range(1, 2_348))
    assert [line.id for line in lines] == sorted(line.id for line in lines)


def test_no_thread_and_no_connection_are_left_by_a_short_run(perform):
    perform(lambda run: None)
    assert flusher.buffers == {}


def test_a_claim_of_nothing_settles_nothing(make_handler):
    ghost = Job(id=ids.job_id(), execution_id=ids.execution_id(), handler_name="test.work", attempt=1)
    assert engine.settle(Claim.of(ghost), Outcome(status=JobStatus.COMPLETED)) is False
    assert TaskLog.objects.filter(execution_id=ghost.execution_id).count() == 0
