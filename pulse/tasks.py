"""One Celery task per handler, named as the handler: a message carries ids and nothing else. The task id is the job's
id; a chunk's message has the ids of its jobs.

`before_start` is the one supported place to veto a task: receivers of `task_prerun` cannot stop anything, because
Celery swallows what they raise.
"""

from typing import Any

from celery import Task, shared_task
from celery.exceptions import Ignore, Retry
from django.db import connection

from pulse import chunks, engine
from pulse.identity import worker_id
from pulse.outcomes import Outcome
from pulse.registry import HARD_LIMIT_AFTER_S, Handler, registry
from pulse.states import JobStatus


class JobFailed(Exception):
    """What Celery is told of a job that failed; the job itself is settled already."""


class PulseTask(Task):
    """Claims the job before it starts, runs it, and tells Celery in Celery's words how it ended."""

    abstract = True
    acks_late = True
    ignore_result = True
    throws = (JobFailed,)

    def before_start(self, task_id: str, args: Any, kwargs: Any) -> None:
        connection.close_if_unusable_or_obsolete()  # after a database restart: else no later job would find it again
        if kwargs:
            return  # a chunk takes its jobs itself
        claimed = engine.claim(task_id, worker_id=worker_id(), worker_name=self.request.hostname or "")
        if claimed is None or not engine.admit(claimed):
            raise Ignore
        self.request.pulse_claim = claimed

    def report(self, outcome: Outcome) -> str | None:
        if outcome.status == JobStatus.QUEUED:
            raise Retry(outcome.waiting_reason, when=outcome.retry_after_s)
        if outcome.status == JobStatus.FAILED:
            raise JobFailed(outcome.error_message)
        if outcome.status != JobStatus.COMPLETED:
            raise Ignore
        return outcome.result_summary


def register_handlers() -> None:
    """Give every registered handler its Celery task."""
    for handler in registry:
        register(handler)


def register(handler: Handler) -> None:
    @shared_task(
        name=handler.name,
        base=PulseTask,
        bind=True,
        soft_time_limit=handler.timeout_s,
        time_limit=handler.timeout_s + HARD_LIMIT_AFTER_S,
    )
    def task(self: PulseTask, job_ids: list[str] | None = None) -> str | None:
        if job_ids is None:
            return self.report(engine.run(self.request.pulse_claim))
        ran = chunks.run(job_ids, worker_id=worker_id(), worker_name=self.request.hostname or "")
        return f"{ran} of {len(job_ids)} jobs ran"
