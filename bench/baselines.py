"""The peers: bare Celery, and Celery with django-celery-results on PostgreSQL with kept connections.

`celery -A bench.baselines:bare worker` and `celery -A bench.baselines:results worker`.
"""

import os
import time

import redis
from celery import Celery

BROKER = os.environ.get("BENCH_BROKER_URL", "redis://127.0.0.1:6379/1")

bare = Celery("bare", broker=BROKER, set_as_current=False)
results = Celery("results", broker=BROKER, backend="django-db", set_as_current=False)
bare.conf.task_default_queue = "bare"
results.conf.task_default_queue = "results"
results.conf.update(CELERY_DB_REUSE_MAX=1_000_000)


@bare.task(name="bare.noop", ignore_result=True)
def bare_noop() -> None:
    """Nothing."""


@bare.task(name="bare.started", ignore_result=True)
def bare_started(key: str) -> None:
    redis.Redis.from_url(BROKER).rpush(key, time.time())


@results.task(name="results.noop")
def results_noop() -> None:
    """Nothing; its result is a row."""
