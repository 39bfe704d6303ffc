"""The scheduler of `celery beat`: what one tick does, and how it lives through outages."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from celery import current_app
from celery.schedules import crontab
from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from pulse import clock
from pulse.models import Job
from schedules import services
from schedules.models import Beat, Schedule
from schedules.ticker import PulseScheduler

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def beat() -> Iterator[PulseScheduler]:
    current_app.control.purge()
    scheduler = PulseScheduler(app=current_app)
    yield scheduler
    scheduler.close()


def messages() -> int:
    with current_app.connection_for_read() as broker:
        return int(broker.default_channel.queue_declare(queue="default", passive=True).message_count)


def test_it_is_the_scheduler_of_the_settings() -> None:
    assert current_app.conf.beat_scheduler == "schedules.ticker:PulseScheduler"


def test_a_tick_fires_and_publishes(beat: PulseScheduler) -> None:
    services.create(handler_name="pulse.noop", interval_s=30)
    services.create(handler_name="pulse.noop", interval_s=30)
    beat.tick()
    assert Job.objects.filter(status="queued", published_at__isnull=False).count() == messages() == 2


def test_it_sleeps_until_the_next_due_time_and_at_most_a_second(beat: PulseScheduler) -> None:
    assert beat.tick() == 1.0
    schedule = services.create(handler_name="pulse.noop", interval_s=3600)
    assert beat.tick() == 1.0
    Schedule.objects.filter(pk=schedule.pk).update(next_run_at=clock.now() + timedelta(seconds=0.5))
    assert 0.2 < beat.tick() <= 0.5


def test_it_writes_that_it_lives_and_how_late_it_is(beat: PulseScheduler) -> None:
    schedule = services.create(handler_name="pulse.noop", interval_s=3600)
    Schedule.objects.filter(pk=schedule.pk).update(next_run_at=clock.now() - timedelta(seconds=90))
    beat.tick()
    row = Beat.objects.get()
    assert (row.pid, row.stopped_at) == (beat.heartbeat.pid, None)
    assert 90 <= row.tick_lag_s < 100
    beat.close()
    assert Beat.objects.get().stopped_at is not None


def test_beats_that_are_long_gone_are_forgotten(beat: PulseScheduler) -> None:
    old = clock.now() - timedelta(days=2)
    Beat.objects.create(id="old", hostname="gone", pid=1, started_at=old, last_tick_at=old)
    beat.tick()
    assert [row.pid for row in Beat.objects.all()] == [beat.heartbeat.pid]


def test_it_follows_edits_that_sent_no_signal(beat: PulseScheduler) -> None:
    row = IntervalSchedule.objects.create(every=30, period="seconds")
    PeriodicTask.objects.bulk_create([PeriodicTask(name="bulk", task="pulse.noop", interval=row)])
    beat.tick()
    assert Schedule.objects.get().state == "active"


def test_entries_of_celerys_own_configuration_are_schedules_too(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = {"task": "pulse.noop", "schedule": crontab(minute="30", hour="2"), "kwargs": {"a": 1}}
    monkeypatch.setitem(current_app.conf, "beat_schedule", {"nightly": entry})
    for _ in range(2):
        PulseScheduler(app=current_app)
    schedule = Schedule.objects.get()
    assert (schedule.name, schedule.handler_name, schedule.payload, schedule.cron, schedule.state) == (
        "nightly", "pulse.noop", {"a": 1}, "30 2 * * *", "active",
    )  # fmt: skip


def test_it_publishes_what_was_never_published(beat: PulseScheduler) -> None:
    schedule = services.create(handler_name="pulse.noop", interval_s=3600)
    beat.tick()
    Job.objects.update(published_at=None)
    beat._second_at = 0.0
    beat.tick()
    assert (Job.objects.filter(schedule_id=schedule.pk).count(), messages()) == (1, 2)


def test_a_lost_database_is_said_once_and_waited_out(
    beat: PulseScheduler, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    services.create(handler_name="pulse.noop", interval_s=3600)
    connection.close()
    port = connection.settings_dict["PORT"]
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")
    with caplog.at_level(logging.WARNING, logger="schedules.ticker"):
        assert [beat.tick() for _ in range(3)] == [1.0, 1.0, 1.0]
        monkeypatch.setitem(connection.settings_dict, "PORT", port)
        beat.tick()
    said = [record.message for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("beat cannot work and tries again every second: connection failed")
    assert said[1] == "beat works again"
    assert Job.objects.count() == 1


def test_a_broker_that_is_away_is_said_once_and_costs_no_due_time(
    beat: PulseScheduler, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="pulse.publisher"), broker_at("redis://127.0.0.1:1/0"):
        for _ in range(3):
            services.create(handler_name="pulse.noop", interval_s=3600)
            beat.tick()
        assert list(Job.objects.values_list("status", "published_at")) == [("queued", None)] * 3
    beat._second_at = 0.0
    beat.tick()
    assert messages() == Job.objects.filter(published_at__isnull=False).count() == 3
    said = [record.message for record in caplog.records if record.name == "pulse.publisher"]
    assert [line.split(",")[0].split(":")[0] for line in said] == [
        "the broker does not take jobs",
        "the broker takes jobs again",
    ]


@contextmanager
def broker_at(url: str) -> Iterator[None]:
    """Lets this process's Celery look for its broker at another address."""
    known = current_app.conf.broker_write_url
    current_app.conf.broker_write_url = url
    current_app._pool = current_app.amqp._producer_pool = None
    try:
        yield
    finally:
        current_app.conf.broker_write_url = known
        current_app._pool = current_app.amqp._producer_pool = None
