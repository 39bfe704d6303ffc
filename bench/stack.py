"""Servers and workers of a bench: real ones, on loopback, ended with it."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from pulse_project.embedded.postgres import Postgres
from pulse_project.embedded.valkey import Valkey

CONCURRENCY = 2


@contextmanager
def servers() -> Iterator[Path]:
    """PostgreSQL and Valkey with the settings of `manage.py up`; the environment names them."""
    with tempfile.TemporaryDirectory(prefix="pulse-bench-") as name:
        folder = Path(name)
        postgres, valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
        postgres.start()
        valkey.start()
        os.environ.pop("CELERY_BROKER_URL", None)  # Celery would prefer it to an application's own
        os.environ.update(
            PULSE_DATA_DIR=name,
            DATABASE_URL=postgres.url,
            REDIS_URL=valkey.url,
            BENCH_BROKER_URL=valkey.url.removesuffix("/0") + "/1",
            PULSE_EXTRA_APPS="bench,django_celery_results",
            DJANGO_SETTINGS_MODULE="pulse_project.settings",
        )
        try:
            yield folder
        finally:
            valkey.stop()
            postgres.stop()


@contextmanager
def worker(app: str, folder: Path, *, with_django: bool = True) -> Iterator[psutil.Process]:
    """A Celery worker with two processes; ended at the end. A peer's tasks are not recorded by Pulse."""
    command = [sys.executable, "-m", "celery", "-A", app, "worker", "-c", str(CONCURRENCY), "-l", "error"]
    env = {**os.environ, "PULSE_RECORD_CELERY_TASKS": "handlers"}
    if not with_django:
        del env["DJANGO_SETTINGS_MODULE"]
    with (folder / "worker.log").open("ab") as log:
        command += ["--without-gossip", "--without-mingle"]
        process = subprocess.Popen(command, env=env, stdout=log, stderr=log, start_new_session=True)
        try:
            yield psutil.Process(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def drained_per_s(remaining: Callable[[], int], total: int, *, timeout_s: float = 300) -> float:
    """How many a second were finished between the first tenth and the last: start-up is left out."""
    deadline = time.monotonic() + timeout_s
    begun_at, begun = 0.0, 0
    while time.monotonic() < deadline:
        left = remaining()
        now = time.monotonic()
        if not begun_at and left <= total * 0.9:
            begun_at, begun = now, left
        if left == 0:
            return begun / (now - begun_at)
        time.sleep(0.05)
    raise TimeoutError(f"{remaining()} of {total} were left after {timeout_s:.0f} s")


def memory_mb(main: psutil.Process) -> float:
    """Unique memory of the pool's processes, the mean."""
    children = [child for child in main.children() if child.is_running()]
    return sum(child.memory_full_info().pss for child in children) / len(children) / 1e6
