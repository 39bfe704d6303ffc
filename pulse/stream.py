"""The event stream: a capped Redis stream that every process appends to and every web process reads.

Events are news, not truth: a lost one costs a browser a refetch, never a job. So appending never raises.
"""

import json
import logging
from functools import cache
from typing import Any

import redis
from django.conf import settings

logger = logging.getLogger(__name__)


@cache
def client() -> "redis.Redis[bytes]":
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)


def append(message: dict[str, Any]) -> None:
    """Add one message to the stream."""
    try:
        client().xadd(
            settings.PULSE_EVENTS_STREAM,
            {"data": json.dumps(message)},
            maxlen=settings.PULSE_EVENTS_KEPT,
            approximate=True,
        )
    except redis.RedisError as error:
        logger.warning("event %s was not sent: %s", message["type"], error)
