"""Hands job ids to the broker. A message may be lost, doubled or late without harm: the row is the job."""

import logging
from collections.abc import Iterable
from typing import Final

from amqp.exceptions import AMQPError
from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError
from redis.exceptions import RedisError

from pulse.models import Job

logger = logging.getLogger(__name__)
BATCH: Final = 500  # messages a round trip
BROKER_FAULTS: Final = (
    KombuError,
    RedisError,
    AMQPError,
    OSError,
)  # a batch raises its own, a connection its transport's

_is_away = False  # said once, not with every batch


def publish_on_commit(jobs: list[Job]) -> None:
    """Publish once the current transaction has committed; at once where there is none."""
    transaction.on_commit(lambda: publish(jobs))


def publish(jobs: Iterable[Job]) -> bool:
    """Send one message per job, in batches over one connection. False when the broker did not take them all.

    The rows say `published_at` already; where the broker fails, that is taken back, and the sweeper tries again.
    """
    waiting = list(jobs)
    if not waiting:
        return True
    try:
        with (
            current_app.producer_pool.acquire(block=True, timeout=5) as producer,
            producer.batch(max_size=BATCH),
        ):
            for job in waiting:
                task = current_app.tasks[job.handler_name]
                task.apply_async(
                    task_id=job.pk, queue=job.queue, priority=job.priority, producer=producer, retry=False
                )
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
