"""Dead letters: what failed for good is kept until a person decides."""

import pytest

from pulse import engine, services
from pulse.errors import NotFound, PermanentError, WrongStatus
from pulse.models import DeadLetter, Job
from pulse.run import Run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def failing(make_handler):
    def fail(run: Run) -> None:
        raise PermanentError("no such customer")

    return make_handler(fail)


def failed_job() -> Job:
    job = services.enqueue("test.work")
    engine.perform(job.pk, worker_id="w1")
    job.refresh_from_db()
    return job


def test_a_permanent_failure_becomes_a_letter_with_its_details(failing):
    job = failed_job()
    letter = DeadLetter.objects.get()
    assert (letter.job_id, letter.reason, letter.attempts) == (job.pk, "permanent_failure", 1)
    assert letter.error_message == "no such customer"
    assert letter.error_details[-1].endswith("PermanentError: no such customer")
    assert letter.execution_id == job.execution_id


def test_an_exhausted_job_becomes_a_letter_once_and_not_at_its_earlier_failures(make_handler):
    def fail(run: Run) -> None:
        raise ConnectionError("gone")

    make_handler(fail, max_retries=1)
    job = failed_job()
    assert DeadLetter.objects.count() == 0
    Job.objects.filter(pk=job.pk).update(run_at=None)
    engine.perform(job.pk, worker_id="w1")
    letter = DeadLetter.objects.get()
    assert (letter.reason, letter.attempts, letter.error_code) == ("max_retry_attempts", 2, "network_error")


def test_retrying_a_letter_queues_the_same_job_with_all_its_retries(failing):
    job = failed_job()
    letter = DeadLetter.objects.get()
    again = services.retry_letter(letter.pk, by="ada")

    assert (again.pk, again.status, again.failures, again.finished_at) == (job.pk, "queued", 0, None)
    letter.refresh_from_db()
    assert (letter.resolution, letter.resolved_by) == ("retried", "ada")


def test_a_letter_is_decided_once(failing):
    failed_job()
    letter = DeadLetter.objects.get()
    services.discard_letter(letter.pk, by="ada")
    with pytest.raises(WrongStatus, match="was discarded by ada already"):
        services.retry_letter(letter.pk, by="bob")
    assert Job.objects.get().status == "failed"


def test_two_people_who_retry_one_letter_queue_its_job_once(failing, at_once):
    failed_job()
    letter = DeadLetter.objects.get()

    def retry():
        try:
            return services.retry_letter(letter.pk, by="ada").status
        except WrongStatus:
            return "refused"

    assert sorted(at_once(retry)) == ["queued", "refused"]


def test_all_letters_that_match_are_retried_and_the_others_stay(make_handler, failing):
    def other(run: Run) -> None:
        raise FileNotFoundError("x.csv")

    make_handler(other, name="test.other")
    first, second = failed_job(), failed_job()
    third = services.enqueue("test.other")
    engine.perform(third.pk, worker_id="w1")

    assert services.retry_matching(DeadLetter.objects.filter(handler_name="test.work"), by="ada") == (2, 0)
    assert set(Job.objects.filter(status="queued").values_list("pk", flat=True)) == {first.pk, second.pk}
    assert DeadLetter.objects.get(resolution="").job_id == third.pk


def test_a_letter_nobody_wrote_is_not_found():
    with pytest.raises(NotFound):
        services.retry_letter(4711, by="ada")
