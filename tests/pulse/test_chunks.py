"""Chunks: several short jobs in one message, and each of them a job like any other."""

import threading
import time
from datetime import timedelta

import pytest
from celery import current_app
from celery.exceptions import SoftTimeLimitExceeded

from executions.models import Execution
from pulse import chunks, clock, engine, orphans, services, sweeper
from pulse.models import Job, Switch
from pulse.run import Run
from pulse.services import enqueue_many
from tasklogs.models import TaskLog

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_broker():
    def purge():
        with current_app.connection_for_write() as connection:
            connection.default_channel.queue_purge("default")

    purge()
    yield
    purge()


def run(jobs: list[Job]) -> int:
    return chunks.run([job.pk for job in jobs], worker_id="w1", worker_name="w1@here")


def statuses(jobs: list[Job]) -> list[str]:
    found = Job.objects.in_bulk([job.pk for job in jobs])
    return [found[job.pk].status for job in jobs]


def test_up_to_n_jobs_travel_in_one_message(make_handler):
    make_handler(lambda run: None, chunk=10)
    jobs = enqueue_many("test.work", [None] * 21)
    assert sweeper.depth("default") == 3
    assert len({job.message_id for job in jobs[:10]}) == 1
    assert jobs[20].message_id == ""


def test_each_job_of_a_chunk_has_its_own_execution_log_and_outcome(make_handler):
    def work(run: Run) -> str:
        run.log.info("working")
        if run.job_id == failing:
            raise FileNotFoundError("x.csv")
        return "done"

    make_handler(work, chunk=10, on_orphan="retry")
    jobs = enqueue_many("test.work", [None] * 3)
    failing = jobs[1].pk
    assert run(jobs) == 3

    assert statuses(jobs) == ["completed", "failed", "completed"]
    executions = [Execution.objects.get(job_id=job.pk) for job in jobs]
    assert [execution.status for execution in executions] == ["completed", "failed", "completed"]
    assert executions[0].completed_at <= executions[1].started_at
    for job in jobs:
        lines = list(TaskLog.objects.filter(job_id=job.pk).values_list("message", flat=True))
        assert lines[:2] == ["Starting test.work, attempt 1", "working"]
        assert len(lines) == 3


def test_a_job_that_somebody_else_has_is_left_out(make_handler):
    make_handler(lambda run: None, chunk=10, on_orphan="retry")
    jobs = enqueue_many("test.work", [None] * 3)
    engine.claim(jobs[1].pk, worker_id="w2")
    assert run(jobs) == 2
    assert statuses(jobs) == ["completed", "running", "completed"]


def test_while_a_handler_takes_its_time_the_others_ends_are_written(make_handler):
    seen = []

    def work(run: Run) -> None:
        if run.job_id == jobs[1].pk:
            deadline = time.monotonic() + 5
            while not seen or seen[-1] != ("completed", "running"):
                assert time.monotonic() < deadline, seen[-1]
                seen.append(tuple(statuses(jobs[:2])))
                time.sleep(0.01)

    make_handler(work, chunk=10, on_orphan="retry")
    jobs = enqueue_many("test.work", [None] * 2)
    run(jobs)
    assert seen[-1] == ("completed", "running")


def test_a_handler_that_is_not_safe_to_repeat_is_written_down_before_it_is_called(make_handler):
    seen = []
    make_handler(lambda run: seen.append(Execution.objects.get(pk=run.execution_id).status), chunk=10)
    run(enqueue_many("test.work", [None] * 3))
    assert seen == ["running"] * 3


def test_a_worker_that_stops_gives_the_rest_back_without_counting_an_attempt(make_handler, monkeypatch):
    def work(run: Run) -> None:
        monkeypatch.setattr(chunks, "is_stopping", lambda: True)

    make_handler(work, chunk=10)
    jobs = enqueue_many("test.work", [None] * 3)
    assert run(jobs) == 1
    assert statuses(jobs) == ["completed", "queued", "queued"]
    assert (
        list(Job.objects.filter(status="queued").values_list("attempt", "execution_id", "published_at"))
        == [(0, None, None)] * 2
    )


def test_a_worker_that_died_loses_what_ran_and_gives_the_rest_back(make_handler):
    make_handler(lambda run: None, chunk=10, on_orphan="fail")
    jobs = enqueue_many("test.work", [None] * 3)
    first, *_ = engine.take_many([job.pk for job in jobs], worker_id="dead")
    engine.begin_many([(first, clock.now())], worker_name="dead")
    assert orphans.handle_lost(jobs[0].message_id, worker_id="dead", because="it died") == 3
    assert statuses(jobs) == ["failed", "queued", "queued"]
    assert list(Job.objects.filter(status="queued").values_list("attempt", "failures")) == [(0, 0)] * 2


def test_what_is_not_safe_to_repeat_does_not_run_for_a_worker_that_it_was_taken_from(make_handler):
    def work(run: Run) -> None:
        ran.append(run.job_id)
        orphans.reap(clock.now())  # nobody knows the worker w1

    ran = []
    make_handler(work, chunk=10, on_orphan="fail")
    jobs = enqueue_many("test.work", [None] * 3)
    assert run(jobs) == 1
    assert ran == [jobs[0].pk]
    assert statuses(jobs) == ["failed", "queued", "queued"]


def test_the_reaper_finds_them_too(make_handler):
    make_handler(lambda run: None, chunk=10)
    jobs = enqueue_many("test.work", [None] * 3)
    engine.take_many([job.pk for job in jobs], worker_id="dead")
    assert orphans.reap(clock.now()) == 3
    assert statuses(jobs) == ["queued"] * 3


def test_a_job_that_is_cancelled_while_it_waits_in_a_chunk_does_not_run(make_handler):
    def work(run: Run) -> None:
        ran.append(run.job_id)
        if len(ran) == 1:
            services.cancel(jobs[1].pk)
            time.sleep(0.3)  # longer than the group's interval: it hears of it

    ran = []
    make_handler(work, chunk=10, on_orphan="retry")
    jobs = enqueue_many("test.work", [None] * 3)
    run(jobs)
    assert ran == [jobs[0].pk, jobs[2].pk]
    assert statuses(jobs) == ["completed", "cancelled", "completed"]


def test_each_job_of_a_chunk_has_its_own_time_limit(make_handler):
    def work(run: Run) -> None:
        if run.job_id == jobs[0].pk:
            time.sleep(5)

    make_handler(work, chunk=10, timeout_s=0.2, max_retries=0)
    jobs = enqueue_many("test.work", [None] * 2)
    run(jobs)
    assert statuses(jobs) == ["failed", "completed"]
    assert Job.objects.get(pk=jobs[0].pk).error_code == "timeout"


def test_in_a_thread_there_is_no_limit_and_no_error():
    failed = []

    def work():
        try:
            with chunks.time_limit(0.01):
                threading.Event().wait(0.05)
        except (ValueError, SoftTimeLimitExceeded) as error:
            failed.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failed == []


def test_a_gate_refuses_jobs_of_a_chunk_one_by_one(make_handler):
    make_handler(lambda run: None, chunk=10)
    jobs = enqueue_many("test.work", [None] * 2)
    services.switch_off(Switch.Scope.HANDLER, "test.work")
    assert run(jobs) == 0
    assert statuses(jobs) == ["paused", "paused"]
    assert Execution.objects.count() == 0


def test_a_backlog_in_chunks_that_the_broker_still_holds_is_not_sent_again(make_handler):
    make_handler(lambda run: None, chunk=10)
    enqueue_many("test.work", [None] * 40)
    assert sweeper.depth("default") == 4
    assert sweeper.take_lost(clock.now() + timedelta(hours=1)) == []
    with current_app.connection_for_write() as connection:
        connection.default_channel.queue_purge("default")
    assert len(sweeper.take_lost(clock.now() + timedelta(hours=1))) == 40
