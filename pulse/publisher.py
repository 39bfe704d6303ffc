"""Hands job ids to the broker. A message may be lost, doubled or late without harm: the row is the job."""

import logging
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

from amqp.exceptions import AMQPError
from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from pulse.models import Job
from pulse.registry import HARD_LIMIT_AFTER_S, registry

logger = logging.getLogger(__name__)
BATCH: Final = 500  # messages a round trip
BROKER_FAULTS: Final = (
    KombuError,
    RedisError,
    AMQPError,
    OSError,
)  # a batch raises its own, a connection its transport's

_is_away = False  # said once, not with every batch


def bundle(jobs: list[Job]) -> list[Job]:
    """Decide which jobs travel together: those of one handler that allows chunks, one queue and one priority.

    Sets `message_id`; the caller writes it.
    """
    alike: dict[tuple[str, str, int], list[Job]] = defaultdict(list)
    for job in jobs:
        job.message_id = ""
        if job.handler_name in registry and registry.get(job.handler_name).chunk > 1:
            alike[job.handler_name, job.queue, job.priority].append(job)
    for (name, *_), members in alike.items():
        size = registry.get(name).chunk
        for first in range(0, len(members), size):
            chunk = members[first : first + size]
            for job in chunk if len(chunk) > 1 else []:
                job.message_id = f"{chunk[0].pk}+{len(chunk) - 1}"
    return jobs


def publish_on_commit(jobs: list[Job]) -> None:
    """Publish once the current transaction has committed; at once where there is none."""
    transaction.on_commit(lambda: publish(jobs))


def publish(jobs: Iterable[Job]) -> bool:
    """Send one message per job or chunk, in batches over one connection. False when the broker did not take them all.

    The rows say `published_at` already; where the broker fails, that is taken back, and the sweeper tries again.
    """
    waiting = list(jobs)
    if not waiting:
        return True
    messages: dict[str, list[Job]] = defaultdict(list)
    for job in waiting:
        messages[job.message_id or job.pk].append(job)
    try:
        with current_app.producer_pool.acquire(block=True, timeout=5) as producer, producer.batch(max_size=BATCH):
            for message_id, members in messages.items():
                _send(message_id, members, producer)
    except BROKER_FAULTS as error:
        _say_away(error)
        Job.objects.filter(pk__in=[job.pk for job in waiting]).update(published_at=None)
        return False
    _say_away(None)
    return True


def _say_away(error: Exception | None) -> None:
    global _is_away  # noqa: PLW0603  one broker, one process
    if error and not _is_away:
        logger.warning("the broker does not take jobs, they wait and are published when it does: %s", error)
    if _is_away and not error:
        logger.warning("the broker takes jobs again")
    _is_away = error is not None


def _send(message_id: str, jobs: list[Job], producer: Any) -> None:
    first = jobs[0]
    options: dict[str, Any] = {"queue": first.queue, "priority": first.priority, "retry": False}
    if first.message_id:
        limit_s = sum(job.timeout_s for job in jobs)  # each job's own limit is kept inside the chunk
        options |= {
            "kwargs": {"job_ids": [job.pk for job in jobs]},
            "soft_time_limit": limit_s,
            "time_limit": limit_s + HARD_LIMIT_AFTER_S,
        }
    current_app.tasks[first.handler_name].apply_async(task_id=message_id, producer=producer, **options)
