"""What the benches run: a no-op with two log lines, and one that says when it started."""

import time

import redis
from django.conf import settings
from pydantic import BaseModel

from pulse.registry import NoPayload, handler
from pulse.run import Run


class Started(BaseModel):
    key: str  # the Redis list that takes the moment


@handler("bench.noop", on_orphan="retry", max_retries=0)
def noop(run: Run[NoPayload]) -> None:
    """Two log lines and nothing else."""
    run.log.info("first line")
    run.log.info("second line")


@handler("bench.started", payload=Started, on_orphan="retry", max_retries=0)
def started(run: Run[Started]) -> None:
    """Say when the handler's first line ran."""
    redis.Redis.from_url(settings.REDIS_URL).rpush(run.payload.key, time.time())


@handler("bench.noop_chunked", on_orphan="retry", max_retries=0, chunk=50)
def noop_chunked(run: Run[NoPayload]) -> None:
    """The same, fifty in a message."""
    run.log.info("first line")
    run.log.info("second line")
