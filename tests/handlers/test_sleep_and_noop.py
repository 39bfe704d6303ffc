"""`pulse.sleep` takes its time and stops when told; `pulse.noop` does nothing."""

import threading
import time

import pytest
from django.db import connection

from pulse import engine, services
from pulse.errors import InvalidPayload
from pulse.models import Job


def test_sleep_takes_as_long_as_it_is_told_and_ends_with_full_progress(perform):
    begun = time.monotonic()
    job = perform("pulse.sleep", {"seconds": 0.6})
    assert 0.6 <= time.monotonic() - begun < 3
    assert (job.status, job.result_summary) == ("completed", "slept 0.6 s")
    assert (job.progress_current, job.progress_total) == (1, 1)


@pytest.mark.django_db(transaction=True)
def test_sleep_tells_its_progress_and_stops_soon_after_it_was_cancelled():
    job = services.enqueue("pulse.sleep", {"seconds": 60})

    def work() -> None:
        engine.perform(job.pk, worker_id="w1")
        connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    deadline = time.monotonic() + 10
    while Job.objects.get(pk=job.pk).progress_current < 1 and time.monotonic() < deadline:
        time.sleep(0.05)
    asked = time.monotonic()
    services.cancel(job.pk)
    worker.join(timeout=10)

    job.refresh_from_db()
    assert time.monotonic() - asked < 3
    assert (job.status, job.progress_total) == ("cancelled", 60)
    assert job.progress_current >= 1


@pytest.mark.parametrize("seconds", [-1, 3601, "long", float("nan"), float("inf")])
def test_sleep_refuses_a_time_that_makes_no_sense(seconds):
    with pytest.raises(InvalidPayload):
        services.validated_payload("pulse.sleep", {"seconds": seconds})


def test_noop_completes_whatever_it_is_given(perform):
    job = perform("pulse.noop", {"anything": [1, {"goes": True}]})
    assert (job.status, job.result_summary, job.payload) == ("completed", "", {"anything": [1, {"goes": True}]})
