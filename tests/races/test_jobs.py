"""Two at the same moment: one wins, and nothing is done twice."""

from contextlib import suppress

import pytest

from executions.models import Execution
from pulse import engine, services
from pulse.errors import WrongStatus
from pulse.models import Job

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 10


def test_of_many_workers_one_claims_a_job(make_handler, at_once):
    make_handler(lambda run: None)
    for _ in range(ROUNDS):
        job = services.enqueue("test.work")
        claims = at_once(lambda job=job: engine.claim(job.pk, worker_id="w"), threads=4)
        assert sum(claim is not None for claim in claims) == 1
        assert Execution.objects.filter(job_id=job.pk).count() == 1
        assert Job.objects.get(pk=job.pk).attempt == 1


def test_a_try_is_settled_once_however_many_try(make_handler, at_once):
    make_handler(lambda run: None)
    for _ in range(ROUNDS):
        job = services.enqueue("test.work")
        claimed = engine.claim(job.pk, worker_id="w")
        outcome = engine.Outcome(status="completed")
        assert sorted(at_once(lambda c=claimed, o=outcome: engine.settle(c, o))) == [False, True]


def test_pausing_against_claiming_ends_paused_or_running_never_both(make_handler, at_once):
    make_handler(lambda run: None)
    for _ in range(ROUNDS):
        job = services.enqueue("test.work")
        turns = iter([lambda j=job: services.pause(j.pk), lambda j=job: engine.claim(j.pk, worker_id="w")])
        at_once(lambda turns=turns: next(turns)())
        job.refresh_from_db()
        running = Execution.objects.filter(job_id=job.pk, status="running").count()
        assert (job.status, running) in {("paused", 0), ("running", 1)}
        assert job.status == "paused" or job.pause_requested_at is not None


def test_cancelling_against_finishing_leaves_one_truth(make_handler, at_once):
    make_handler(lambda run: None)

    def cancel(job_id):
        with suppress(WrongStatus):  # it was completed already
            services.cancel(job_id)

    for _ in range(ROUNDS):
        job = services.enqueue("test.work")
        claimed = engine.claim(job.pk, worker_id="w")
        done = engine.Outcome(status="completed")
        turns = iter([lambda j=job: cancel(j.pk), lambda c=claimed, o=done: engine.settle(c, o)])
        at_once(lambda turns=turns: next(turns)())
        job.refresh_from_db()
        assert job.status == "completed"
        assert Execution.objects.get(job_id=job.pk).status == "completed"
