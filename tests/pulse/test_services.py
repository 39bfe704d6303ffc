"""What may be asked of a job, and what is refused with nothing changed."""

from typing import Any

import pytest
from pydantic import BaseModel, Field

from pulse import services
from pulse.errors import InvalidInput, InvalidPayload, NotFound, UnknownHandler, WrongStatus
from pulse.models import Job

pytestmark = pytest.mark.django_db(transaction=True)


class Order(BaseModel):
    customer: str
    amount: int = Field(default=1, ge=1)


class Anything(BaseModel):
    customer: Any


@pytest.fixture
def order_handler(make_handler):
    return make_handler(lambda run: None, payload=Order, queue="default", max_retries=4)


def test_a_new_job_is_queued_with_its_handlers_limits(order_handler):
    job = Job.objects.get(pk=services.enqueue("test.work", {"customer": "ada"}, source="api").pk)
    assert (job.status, job.payload, job.source) == ("queued", {"customer": "ada"}, "api")
    assert (job.max_retries, job.timeout_s, job.queue) == (4, 30.0, "default")


def test_an_unknown_handler_is_refused_and_nothing_is_written():
    with pytest.raises(UnknownHandler):
        services.enqueue("test.nowhere")
    assert Job.objects.count() == 0


@pytest.mark.parametrize(
    ("payload", "field", "words"),
    [
        ({}, "payload.customer", "Field required"),
        ({"customer": 5}, "payload.customer", "valid string"),
        ({"customer": "ada", "amount": 0}, "payload.amount", "greater than or equal to 1"),
    ],
)
def test_a_payload_that_does_not_fit_is_refused_with_the_field(order_handler, payload, field, words):
    with pytest.raises(InvalidPayload) as refused:
        services.enqueue("test.work", payload)
    assert refused.value.details["errors"][0]["field"] == field
    assert words in refused.value.message
    assert Job.objects.count() == 0


@pytest.mark.parametrize("payload", [[1], "text", 5])
def test_a_payload_that_is_no_object_is_refused(order_handler, payload):
    with pytest.raises(InvalidPayload, match="must be a JSON object"):
        services.enqueue("test.work", payload)


def test_a_nul_character_is_refused_before_the_database_sees_it(order_handler):
    with pytest.raises(InvalidPayload, match="NUL"):
        services.enqueue("test.work", {"customer": "a\x00b"})
    assert Job.objects.count() == 0


def test_half_a_character_is_refused_before_the_database_sees_it(make_handler):
    make_handler(lambda run: None, payload=Anything)
    with pytest.raises(InvalidPayload, match="is not JSON"):
        services.enqueue("test.work", {"customer": "half \ud83d"})
    assert Job.objects.count() == 0


def test_a_payload_over_the_cap_is_refused_with_both_sizes(order_handler, settings):
    settings.PULSE_PAYLOAD_MAX_BYTES = 100
    with pytest.raises(InvalidPayload, match="more than the 100 allowed"):
        services.enqueue("test.work", {"customer": "x" * 200})


@pytest.mark.parametrize("max_retries", [-1, 101])
def test_an_absurd_number_of_retries_is_refused(order_handler, max_retries):
    with pytest.raises(InvalidInput):
        services.enqueue("test.work", {"customer": "ada"}, max_retries=max_retries)
    assert Job.objects.count() == 0


def test_a_queued_job_is_cancelled_at_once_and_a_second_time_answers_the_same(order_handler):
    job = services.enqueue("test.work", {"customer": "ada"})
    assert services.cancel(job.pk).status == "cancelled"
    assert services.cancel(job.pk).status == "cancelled"


def test_a_finished_job_cannot_be_cancelled_and_the_status_is_told(order_handler):
    job = services.enqueue("test.work", {"customer": "ada"})
    Job.objects.filter(pk=job.pk).update(status="completed")
    with pytest.raises(WrongStatus) as refused:
        services.cancel(job.pk)
    assert refused.value.details["current"] == "completed"
    assert Job.objects.get(pk=job.pk).status == "completed"


def test_pausing_holds_a_queued_job_and_resuming_queues_it_again(order_handler):
    job = services.enqueue("test.work", {"customer": "ada"})
    paused = services.pause(job.pk, reason="month end")
    assert (paused.status, paused.pause_reason) == ("paused", "user_requested")
    assert paused.waiting_reason == "paused by an operator: month end"
    resumed = services.resume(job.pk)
    assert (resumed.status, resumed.pause_reason, resumed.waiting_reason) == ("queued", "", "")


def test_a_job_that_is_not_paused_cannot_be_resumed(order_handler):
    job = services.enqueue("test.work", {"customer": "ada"})
    with pytest.raises(WrongStatus) as refused:
        services.resume(job.pk)
    assert refused.value.details["current"] == "queued"


def test_a_job_nobody_asked_for_is_not_found():
    with pytest.raises(NotFound):
        services.cancel("JB_aaaaaaaaaaaaaaaa_1700000000")


def test_of_many_jobs_those_whose_due_time_has_one_already_are_left_out(order_handler, frozen_clock):
    def due():
        return services.new_job("test.work", {"customer": "a"}, schedule_id="SP_a", due_at=frozen_clock.now)

    first, second = due(), due()
    assert services.insert_jobs([first]) == [first]
    assert services.insert_jobs([second]) == []
    assert list(Job.objects.values_list("pk", flat=True)) == [first.pk]
