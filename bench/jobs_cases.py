"""The measurements of `bench.jobs`. Imported once Django is set up."""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis
from django.conf import settings

from bench import baselines, stack
from pulse import services
from pulse.models import Job

IDLE_STARTS = 60
ENQUEUED_ONE_BY_ONE = 2_000


class Cases:
    def __init__(self, folder: Path, given: argparse.Namespace) -> None:
        self.folder = folder
        self.jobs: int = given.jobs
        self.rounds: int = given.rounds
        self.backlog: int = given.backlog
        self.redis = redis.Redis.from_url(baselines.BROKER)

    def measure(self) -> dict[str, float]:
        """The figures, by name."""
        bare = self.middle(self.drain_bare)
        results = self.middle(self.drain_results)
        pulse = self.middle(self.drain_pulse)
        chunked = self.middle(self.drain_chunked)
        enqueue_bare, enqueue_pulse = self.enqueue_rate_bare(), self.enqueue_rate_pulse()
        many = self.enqueue_many_rate()
        latency_bare, memory_bare = self.idle_bare()
        latency_pulse, memory_pulse = self.idle_pulse()
        backlog = self.drain_with_backlog()
        return {
            "bare_per_s": bare,
            "results_per_s": results,
            "pulse_per_s": pulse,
            "chunked_per_s": chunked,
            "enqueue_bare_per_s": enqueue_bare,
            "enqueue_pulse_per_s": enqueue_pulse,
            "enqueue_many_per_s": many,
            "latency_bare_ms": latency_bare,
            "latency_pulse_ms": latency_pulse,
            "memory_bare_mb": memory_bare,
            "memory_pulse_mb": memory_pulse,
            "drain_vs_celery": pulse / bare,
            "drain_vs_results": pulse / results,
            "drain_chunked_vs_celery": chunked / bare,
            "enqueue_vs_celery": enqueue_pulse / enqueue_bare,
            "enqueue_many_vs_celery": many / enqueue_bare,
            "start_latency_vs_celery": latency_pulse / latency_bare,
            "memory_vs_celery": memory_pulse / memory_bare,
            "drain_with_backlog": backlog / pulse,
        }

    def middle(self, once: Callable[[], float]) -> float:
        rates = [once() for _ in range(self.rounds)]
        print(f"{once.__name__}: {', '.join(f'{rate:.0f}/s' for rate in rates)}", flush=True)
        return statistics.median(rates)

    def drain_bare(self) -> float:
        return self._drain(baselines.bare, baselines.bare_noop, "bare")

    def drain_results(self) -> float:
        return self._drain(baselines.results, baselines.results_noop, "results")

    def _drain(self, app: Any, task: Any, queue: str) -> float:
        with app.producer_pool.acquire(block=True) as producer, producer.batch():
            for _ in range(self.jobs):
                task.apply_async(producer=producer)
        with stack.worker(f"bench.baselines:{queue}", self.folder, with_django=app is not baselines.bare):
            return stack.drained_per_s(lambda: int(self.redis.llen(queue)), self.jobs)

    def drain_pulse(self) -> float:
        return self._drain_pulse("bench.noop")

    def drain_chunked(self) -> float:
        return self._drain_pulse("bench.noop_chunked")

    def _drain_pulse(self, handler_name: str) -> float:
        services.enqueue_many(handler_name, [None] * self.jobs)
        with stack.worker("pulse_project", self.folder):
            return stack.drained_per_s(self._unfinished, self.jobs)

    def drain_with_backlog(self) -> float:
        """How fast the first jobs go while very many wait behind them."""
        services.enqueue_many("bench.noop", [None] * self.backlog)
        with stack.worker("pulse_project", self.folder):
            enough = self.backlog - self.jobs
            return stack.drained_per_s(lambda: max(0, self._unfinished() - enough), self.jobs)

    def _unfinished(self) -> int:
        return Job.objects.active().count()

    def enqueue_rate_bare(self) -> float:
        began = time.perf_counter()
        for _ in range(ENQUEUED_ONE_BY_ONE):
            baselines.bare_noop.apply_async()
        rate = ENQUEUED_ONE_BY_ONE / (time.perf_counter() - began)
        self.redis.delete("bare")
        return rate

    def enqueue_rate_pulse(self) -> float:
        began = time.perf_counter()
        for _ in range(ENQUEUED_ONE_BY_ONE):
            services.enqueue("bench.noop")
        rate = ENQUEUED_ONE_BY_ONE / (time.perf_counter() - began)
        self._empty()
        return rate

    def enqueue_many_rate(self) -> float:
        began = time.perf_counter()
        services.enqueue_many("bench.noop", [None] * self.jobs)
        rate = self.jobs / (time.perf_counter() - began)
        self._empty()
        return rate

    def _empty(self) -> None:
        Job.objects.active().delete()
        redis.Redis.from_url(settings.CELERY_BROKER_URL).flushdb()

    def idle_bare(self) -> tuple[float, float]:
        """Its latency alone, and its memory with the same Django project loaded."""
        with stack.worker("bench.baselines:bare", self.folder, with_django=False):
            start = self._latency_ms(lambda key: baselines.bare_started.delay(key), self.redis)
        with stack.worker("bench.baselines:bare", self.folder) as process:
            self._latency_ms(lambda key: baselines.bare_started.delay(key), self.redis)
            return start, stack.memory_mb(process)

    def idle_pulse(self) -> tuple[float, float]:
        with stack.worker("pulse_project", self.folder) as process:
            client = redis.Redis.from_url(settings.REDIS_URL)
            start = self._latency_ms(lambda key: services.enqueue("bench.started", {"key": key}), client)
            return start, stack.memory_mb(process)

    def _latency_ms(self, ask: Callable[[str], Any], client: "redis.Redis") -> float:
        """The median from asking to the handler's first line, one job at a time."""
        waits = []
        for number in range(IDLE_STARTS + 10):
            key = f"started:{number}"
            asked_at = time.time()
            ask(key)
            found = client.blpop([key], timeout=30)
            if number >= 10:  # the first ones open connections
                waits.append(1000 * (float(found[1]) - asked_at))
        return statistics.median(waits)
