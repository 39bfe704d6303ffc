"""Jobs that wait: for a place, for a worker, for the broker, behind more urgent ones. Each says why."""

from datetime import timedelta

import pytest
from celery import Celery, current_app
from django.conf import settings

from pulse import clock, engine, orphans, publisher, services, slots, sweeper
from pulse.models import Job, Slot, Worker
from pulse.run import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty_broker():
    def purge():
        with current_app.connection_for_write() as connection:
            for queue in ("default", "lonely"):
                connection.default_channel.queue_purge(queue)

    purge()
    yield
    purge()


def claim(job: Job) -> bool:
    claimed = engine.claim(job.pk, worker_id="w1")
    return claimed is not None and engine.admit(claimed)


def worker_row(name: str = "w1", *, silent_s: float = 0, **fields) -> Worker:
    beat = clock.now() - timedelta(seconds=silent_s)
    return Worker.objects.create(pk=name, name=name, pid=1, queues=["default"], heartbeat_at=beat, **fields)


class TestConcurrency:
    def test_a_job_over_its_handlers_limit_waits_and_says_for_what(self, make_handler):
        make_handler(lambda run: None, max_concurrent=1)
        first, second = services.enqueue("test.work"), services.enqueue("test.work")
        assert claim(first) is True
        assert claim(second) is False
        second.refresh_from_db()
        assert (second.status, second.pause_reason, second.attempt) == ("paused", "concurrency_limited", 0)
        assert second.waiting_reason == (
            "1 of 1 jobs of handler 'test.work' are running; it starts when one of them ends"
        )

    def test_its_place_is_free_again_in_the_moment_it_is_settled_and_the_next_one_is_queued(self, make_handler):
        make_handler(lambda run: None, max_concurrent=1)
        first, second = services.enqueue("test.work"), services.enqueue("test.work")
        running = engine.claim(first.pk, worker_id="w1")
        engine.admit(running)
        claim(second)
        engine.run(running)
        second.refresh_from_db()
        assert second.status == "queued"
        assert Slot.objects.filter(job_id__isnull=False).count() == 0

    def test_jobs_with_different_keys_do_not_wait_for_each_other(self, make_handler):
        make_handler(lambda run: None, max_concurrent_per_key=1)
        keys = ["ada", "bob", "ada"]
        assert [claim(services.enqueue("test.work", concurrency_key=key)) for key in keys] == [True, True, False]

    def test_of_many_at_once_no_more_run_than_may(self, make_handler, at_once):
        make_handler(lambda run: None, max_concurrent=3)
        waiting = iter([services.enqueue("test.work") for _ in range(12)])
        assert sum(at_once(lambda: [claim(next(waiting)) for _ in range(2)].count(True), threads=6)) == 3
        assert Slot.objects.filter(job_id__isnull=False).count() == 3

    def test_the_reaper_frees_the_place_of_a_dead_worker(self, make_handler):
        make_handler(lambda run: None, max_concurrent=1)
        job = services.enqueue("test.work")
        claim(job)
        orphans.reap(clock.now())
        assert slots.take("JB_next", "handler:test.work", 1) is True

    def test_a_job_that_is_asked_about_twice_sits_in_one_place(self, make_handler):
        assert [slots.take("JB_one", "handler:test.work", 2) for _ in range(2)] == [True, True]
        assert Slot.objects.filter(job_id="JB_one").count() == 1
        assert slots.take("JB_two", "handler:test.work", 2) is True

    def test_a_place_taken_for_a_job_that_was_meanwhile_given_to_nobody_is_freed(self, make_handler):
        make_handler(lambda run: None, max_concurrent=2)
        runs, was_taken_away = services.enqueue("test.work"), services.enqueue("test.work")
        claim(runs)
        slots.take(was_taken_away.pk, "handler:test.work", 2)
        assert slots.free_left() == 1
        assert list(Slot.objects.exclude(job_id=None).values_list("job_id", flat=True)) == [runs.pk]


class TestOrphans:
    def test_a_job_whose_worker_is_alive_is_left_alone(self, make_handler):
        make_handler(lambda run: None)
        worker_row(silent_s=20)
        job = services.enqueue("test.work")
        claim(job)
        assert orphans.reap(clock.now()) == 0

    @pytest.mark.parametrize(("on_orphan", "status"), [("retry", "queued"), ("fail", "failed")])
    def test_a_job_whose_worker_vanished_is_handled_as_its_handler_says(self, make_handler, on_orphan, status):
        make_handler(lambda run: None, on_orphan=on_orphan)
        worker_row(silent_s=31)
        job = services.enqueue("test.work")
        claim(job)
        assert orphans.reap(clock.now()) == 1
        job.refresh_from_db()
        assert (job.status, job.error_code, job.failures) == (status, "worker_lost", 1)
        assert "w1 gave no sign of life for 31 s" in job.error_message

    def test_a_job_that_killed_all_its_workers_is_failed_in_the_end(self, make_handler):
        make_handler(lambda run: None, on_orphan="retry", max_retries=1)
        job = services.enqueue("test.work")
        for _ in range(2):
            Job.objects.filter(pk=job.pk).update(run_at=None)
            claim(job)
            orphans.reap(clock.now())
        job.refresh_from_db()
        assert (job.status, job.attempt) == ("failed", 2)
        assert "its 1 retries are used up" in job.error_message

    def test_a_job_past_its_deadline_is_not_running_for_ever(self, make_handler):
        make_handler(lambda run: None, timeout_s=10)
        worker_row(silent_s=-60)
        job = services.enqueue("test.work")
        claim(job)
        assert orphans.reap(clock.now() + timedelta(seconds=39)) == 0
        assert orphans.reap(clock.now() + timedelta(seconds=41)) == 1

    def test_a_worker_that_leaves_gives_its_jobs_back_without_using_a_retry(self, make_handler):
        make_handler(lambda run: None, on_orphan="fail", max_retries=0)
        job = services.enqueue("test.work")
        claim(job)
        assert orphans.give_back("w1") == 1
        job.refresh_from_db()
        assert (job.status, job.failures) == ("queued", 0)

    def test_after_a_crash_the_backlog_is_released_gradually(self):
        waits = [round(orphans.release_after_s(n), 1) for n in range(13)]
        assert waits[:10] == [0.0, 1.1, 2.2, 3.3, 4.4, 5.6, 6.7, 7.8, 8.9, 10.0]
        assert waits[10:] == [11.5, 13.0, 14.5]
        assert max(orphans.release_after_s(n) for n in range(1000)) <= 10 + settings.PULSE_RECOVERY_SPREAD_S


class TestBroker:
    def test_a_message_the_broker_lost_is_sent_again_after_a_while(self, make_handler):
        make_handler(lambda run: None)
        job = services.enqueue("test.work")
        with current_app.connection_for_write() as connection:
            connection.default_channel.queue_purge("default")
        now = clock.now()
        assert sweeper.take_lost(now + timedelta(seconds=settings.PULSE_REPUBLISH_AFTER_S - 2)) == []
        lost = sweeper.take_lost(now + timedelta(seconds=settings.PULSE_REPUBLISH_AFTER_S + 2))
        assert [found.pk for found in lost] == [job.pk]

    def test_a_lost_message_is_found_behind_those_that_are_not(self, make_handler):
        make_handler(lambda run: None)
        lost = services.enqueue("test.work")
        with current_app.connection_for_write() as connection:
            connection.default_channel.queue_purge("default")
        Job.objects.update(published_at=clock.now() - timedelta(minutes=5))
        services.enqueue_many("test.work", [None] * 20)
        assert [found.pk for found in sweeper.take_lost(clock.now())] == [lost.pk]

    def test_a_backlog_that_the_broker_still_holds_is_not_sent_again(self, make_handler):
        make_handler(lambda run: None)
        services.enqueue_many("test.work", [None] * 50)
        assert sweeper.depth("default") == 50
        assert sweeper.take_lost(clock.now() + timedelta(hours=1)) == []

    def test_a_job_whose_caller_died_before_publishing_is_found(self, make_handler):
        make_handler(lambda run: None)
        job = services.new_job("test.work")
        job.published_at = None
        job.save(force_insert=True)
        assert [found.pk for found in sweeper.take_unpublished(clock.now())] == [job.pk]
        assert sweeper.take_unpublished(clock.now()) == []

    def test_a_broker_that_is_down_costs_no_job(self, make_handler, monkeypatch):
        make_handler(lambda run: None)
        with monkeypatch.context() as patch:
            patch.setenv("CELERY_BROKER_URL", "redis://127.0.0.1:1/0")  # Celery prefers it to what is set in code
            patch.setattr(publisher, "current_app", Celery(set_as_current=False))
            job = services.enqueue("test.work")
        job.refresh_from_db()
        assert (job.status, job.published_at) == ("queued", None)


class TestReasons:
    def test_a_job_on_a_queue_without_a_worker_says_so_and_stops_saying_it(self, make_handler):
        make_handler(lambda run: None, queue="lonely")
        job = services.enqueue("test.work")
        sweeper.explain_queues(clock.now())
        job.refresh_from_db()
        assert job.waiting_reason == "no worker listens on queue 'lonely'"
        Worker.objects.create(pk="w2", name="w2", pid=2, queues=["lonely"], heartbeat_at=clock.now())
        sweeper.explain_queues(clock.now())
        job.refresh_from_db()
        assert job.waiting_reason == ""

    def test_a_low_job_behind_urgent_ones_is_moved_ahead_once_after_a_while(self, make_handler):
        make_handler(lambda run: None)
        low = services.enqueue("test.work", priority=8)
        services.enqueue("test.work", priority=2)
        now = clock.now()
        assert sweeper.take_starving(now) == []
        later = now + timedelta(seconds=settings.PULSE_PRIORITY_AGING_S + 1)
        assert [(job.pk, job.priority) for job in sweeper.take_starving(later)] == [(low.pk, 0)]
        assert sweeper.take_starving(later) == []
        low.refresh_from_db()
        assert low.priority == 8

    def test_jobs_are_taken_by_priority_and_first_come_first_served_within_one(self, make_handler):
        make_handler(lambda run: None)
        asked = [services.enqueue("test.work", priority=p).pk for p in (5, 8, 2, 5, 2)]
        taken = []
        with current_app.connection_for_read() as connection, connection.SimpleQueue("default") as queue:
            for _ in asked:
                message = queue.get(timeout=5)
                taken.append(message.headers["id"])
                message.ack()
        assert taken == [asked[i] for i in (2, 4, 0, 3, 1)]


class TestDedup:
    def test_while_its_job_is_active_a_key_stands_for_it(self, make_handler):
        make_handler(lambda run: None)
        first, is_new = services.enqueue_once("test.work", key="nightly")
        again, is_new_again = services.enqueue_once("test.work", key="nightly")
        assert (is_new, is_new_again, again.pk) == (True, False, first.pk)
        services.cancel(first.pk)
        assert services.enqueue_once("test.work", key="nightly")[1] is True

    def test_for_some_seconds_a_key_stands_for_its_job_even_when_it_ended(self, make_handler, frozen_clock):
        make_handler(lambda run: None)
        first, _ = services.enqueue_once("test.work", key="nightly", for_s=60)
        services.cancel(first.pk)
        assert services.enqueue_once("test.work", key="nightly", for_s=60) == (Job.objects.get(pk=first.pk), False)
        frozen_clock.advance(61)
        assert services.enqueue_once("test.work", key="nightly", for_s=60)[1] is True

    def test_without_a_key_the_payload_counts(self, make_handler):
        make_handler(lambda run: None)
        assert [services.enqueue_once("test.work")[1] for _ in range(2)] == [True, False]

    def test_two_callers_at_the_same_moment_get_the_same_job(self, make_handler, at_once):
        make_handler(lambda run: None)
        for round_number in range(10):
            key = f"k{round_number}"
            answers = at_once(lambda key=key: services.enqueue_once("test.work", key=key), threads=4)
            assert len({job.pk for job, _ in answers}) == 1
            assert sorted(is_new for _, is_new in answers) == [False, False, False, True]
        assert Job.objects.count() == 10


def test_a_running_job_that_does_not_listen_is_ended_after_the_grace(make_handler):
    make_handler(lambda run: None)
    worker_row()
    job = services.enqueue("test.work")
    claim(job)
    services.cancel(job.pk)
    assert sweeper.end_unresponsive(clock.now()) == 0
    assert sweeper.end_unresponsive(clock.now() + timedelta(seconds=settings.PULSE_CANCEL_GRACE_S + 1)) == 1
    job.refresh_from_db()
    assert job.status == "cancelled"
    assert "did not stop within 10 s" in job.error_message


def test_a_worker_of_threads_can_only_ask_and_says_so(make_handler):
    make_handler(lambda run: None)
    worker_row(pool="threads")
    job = services.enqueue("test.work")
    claim(job)
    services.cancel(job.pk)
    later = clock.now() + timedelta(seconds=settings.PULSE_CANCEL_GRACE_S + 1)
    assert sweeper.end_unresponsive(later) == 0
    job.refresh_from_db()
    assert job.status == "running"
    assert "threads, which cannot be ended from outside" in job.waiting_reason


def test_a_run_that_lost_its_lease_is_told_at_its_next_look(make_handler):
    def work(run: Run) -> None:
        Job.objects.filter(pk=run.job_id).update(execution_id="PX_other")
        run.stage("next")
        raise AssertionError("went on")

    make_handler(work)
    job = services.enqueue("test.work")
    engine.perform(job.pk, worker_id="w1")
    job.refresh_from_db()
    assert (job.status, job.execution_id) == ("running", "PX_other")


def test_after_a_break_the_reaper_gives_living_workers_time_for_a_heartbeat():
    watch = sweeper.Watch()
    assert [watch.is_long_enough(now) for now in (100.0, 101.0, 102.0)] == [False, False, False]
    after_a_break = [watch.is_long_enough(now) for now in (115.0, 118.0, 121.0, 124.0, 127.0, 130.0)]
    assert after_a_break == [False, False, False, False, False, True]
