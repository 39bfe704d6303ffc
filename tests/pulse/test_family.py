"""Parents and children: who may have them, who waits for them, and what an end means for the others."""

import pytest

from executions.models import Execution
from pulse import engine, services
from pulse.errors import WrongStatus
from pulse.models import Job
from pulse.run import Run
from pulse.states import JobStatus

pytestmark = pytest.mark.django_db(transaction=True)


def perform(job: Job) -> Job:
    engine.perform(job.pk, worker_id="w1")
    job.refresh_from_db()
    return job


@pytest.fixture
def child_handler(make_handler):
    return make_handler(lambda run: run.spend("0.50"), name="test.child")


@pytest.fixture
def two_phases(make_handler, child_handler):
    """Ingest asks for three children and keeps that it did; aggregate counts how they ended."""

    def work(run: Run) -> str:
        if run.resume_from is None:
            run.enqueue_children([("test.child", None)] * 3)
            run.checkpoint({"phase": "aggregate"})
        ended = run.wait_for_children()
        return f"{len(ended)} children, {sum(child.status == 'completed' for child in ended)} completed"

    return make_handler(work, name="test.parent")


def test_a_parent_that_waits_frees_its_worker_and_goes_on_when_the_last_child_ended(two_phases):
    parent = perform(services.enqueue("test.parent"))
    assert (parent.status, parent.pause_reason) == ("paused", "waiting_for_children")
    assert parent.waiting_reason == "waits for 3 of 3 children"

    first, second, third = services.children_of(parent.pk)
    perform(first)
    services.cancel(second.pk)
    parent.refresh_from_db()
    assert parent.status == "paused"
    perform(third)

    parent.refresh_from_db()
    assert parent.status == "queued"
    assert perform(parent).result_summary == "3 children, 2 completed"
    assert parent.checkpoint is None
    assert [row.status for row in Execution.objects.filter(job_id=parent.pk)] == ["completed", "completed"]


def test_a_parent_whose_children_ended_before_it_settled_is_woken_at_once(make_handler, child_handler):
    def work(run: Run) -> None:
        if run.resume_from is None:
            child = run.enqueue_child("test.child")
            run.checkpoint("asked")
            try:
                run.wait_for_children()
            finally:
                engine.perform(child.pk, worker_id="w2")

    make_handler(work, name="test.parent")
    assert perform(services.enqueue("test.parent")).status == "queued"


def test_progress_and_cost_of_children_are_summed(two_phases):
    parent = perform(services.enqueue("test.parent"))
    perform(services.children_of(parent.pk)[0])
    family = services.family_summary(parent)
    assert (family["count"], family["cost_micros"]) == (3, 500_000)
    assert family["by_status"]["queued"] == 2
    assert round(family["progress_pct"], 1) == 33.3


def test_cancelling_a_parent_cancels_the_children_that_have_not_ended(two_phases):
    parent = perform(services.enqueue("test.parent"))
    first, second, third = services.children_of(parent.pk)
    perform(first)
    services.pause(second.pk)
    services.cancel(parent.pk)

    rows = {job.pk: (job.status, job.error_message) for job in services.children_of(parent.pk)}
    assert rows[first.pk][0] == "completed"
    assert rows[second.pk] == ("cancelled", "parent job cancelled")
    assert rows[third.pk] == ("cancelled", "parent job cancelled")


@pytest.mark.parametrize(("policy", "status"), [("continue", "queued"), ("cancel", "cancelled")])
def test_what_a_failed_parent_does_to_its_children_is_a_policy(make_handler, child_handler, policy, status):
    def work(run: Run) -> None:
        run.enqueue_child("test.child", on_parent_failure=policy)
        raise RuntimeError("no")

    make_handler(work, name="test.parent", max_retries=0)
    parent = perform(services.enqueue("test.parent"))
    assert parent.status == "failed"
    assert services.children_of(parent.pk).get().status == status


def test_deleting_a_parent_cancels_its_children_and_keeps_them(two_phases):
    parent = perform(services.enqueue("test.parent"))
    children = list(services.children_of(parent.pk).values_list("pk", flat=True))
    Job.objects.filter(pk=parent.pk).update(status=JobStatus.FAILED)
    services.delete(parent.pk)

    assert not Job.objects.filter(pk=parent.pk).exists()
    kept = Job.objects.filter(pk__in=children).values_list("status", "error_message")
    assert list(kept) == [("cancelled", "parent job deleted")] * 3


def test_a_job_that_has_not_ended_cannot_be_deleted(two_phases):
    job = services.enqueue("test.parent")
    with pytest.raises(WrongStatus) as refused:
        services.delete(job.pk)
    assert refused.value.details["current"] == "queued"
    assert Job.objects.filter(pk=job.pk).exists()


def test_a_try_that_is_over_cannot_have_new_children(two_phases):
    job = services.enqueue("test.child")
    claimed = engine.claim(job.pk, worker_id="w1")
    engine.run(claimed)
    with pytest.raises(WrongStatus):
        services.enqueue_children(job.pk, claimed.execution_id, [("test.child", None)])
    assert Job.objects.count() == 1


def test_a_child_whose_parent_was_cancelled_before_anybody_could_tell_it_is_found(two_phases):
    parent = perform(services.enqueue("test.parent"))
    Job.objects.filter(pk=parent.pk).update(status=JobStatus.CANCELLED)
    assert services.end_abandoned() == 3
    assert set(services.children_of(parent.pk).values_list("status", flat=True)) == {"cancelled"}


def test_a_try_goes_on_where_the_last_one_kept_its_checkpoint(make_handler):
    seen = []

    def work(run: Run) -> None:
        seen.append(run.resume_from)
        run.checkpoint({"row": 40})
        if len(seen) == 1:
            raise ConnectionError("gone")

    make_handler(work)
    job = perform(services.enqueue("test.work"))
    assert job.checkpoint == {"row": 40}
    Job.objects.filter(pk=job.pk).update(run_at=None)
    perform(job)
    assert seen == [None, {"row": 40}]
