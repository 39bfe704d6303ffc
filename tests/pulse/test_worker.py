"""What the worker's main process does when one of its pool processes dies."""

import pytest
from billiard.exceptions import WorkerLostError
from django.db import OperationalError

from pulse import engine, orphans, services, worker
from pulse.identity import worker_id

pytestmark = pytest.mark.django_db(transaction=True)

KILLED = WorkerLostError("Worker exited prematurely: signal 9 (SIGKILL)")


@pytest.fixture
def job(make_handler):
    """One that this worker has claimed."""
    make_handler(lambda run: None, on_orphan="retry")
    job = services.enqueue("test.work")
    engine.claim(job.pk, worker_id=worker_id())
    return job


def test_a_job_whose_process_died_is_tried_again(job):
    worker.handle_lost_process(task_id=job.pk, exception=KILLED)
    job.refresh_from_db()
    assert (job.status, job.failures) == ("queued", 1)
    assert job.error_message == f"the process that ran it died: {KILLED}"


def test_while_the_database_is_away_it_is_kept_for_the_next_heartbeat(job, monkeypatch):
    def fail(*_, **__):
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(orphans, "handle_lost", fail)
        worker.handle_lost_process(task_id=job.pk, exception=KILLED)
    job.refresh_from_db()
    assert job.status == "running"
    worker.handle_lost()
    job.refresh_from_db()
    assert (job.status, len(worker.lost)) == ("queued", 0)
