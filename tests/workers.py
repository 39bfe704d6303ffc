"""A real Celery worker for a test: a process of its own, prefork, on the test's database and a broker of its own."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from celery import Celery
from django.conf import settings
from django.db import connection
from kombu import Connection

from pulse.models import Job
from tests.waiting import wait_for

ROOT: Final = Path(__file__).parents[1]
QUEUE: Final = "workload"


def database_url() -> str:
    """Of the database that this test run made."""
    return "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**connection.settings_dict)


@dataclass
class Worker:
    process: "subprocess.Popen[bytes]"
    broker: Connection
    log: Path
    sender: Celery = field(default_factory=lambda: Celery("sender", set_as_current=False))

    def revoke(self, task_id: str) -> None:
        """End the process that runs the task."""
        with patch.dict(os.environ, CELERY_BROKER_URL=self.broker.as_uri(include_password=True)):  # Celery reads it
            Celery("revoker", set_as_current=False).control.revoke(task_id, terminate=True)

    def send(self, name: str, *args: Any, **kwargs: Any) -> str:
        """Send a plain task; its id."""
        return str(self.sender.send_task(name, args=args, kwargs=kwargs, queue=QUEUE, connection=self.broker).id)

    def ask(self, handler_name: str, **payload: Any) -> Job:
        """A job for the worker, written and published."""
        job = Job.objects.create(handler_name=handler_name, payload=payload, queue=QUEUE, max_retries=0)
        self.publish(handler_name, job.pk)
        return job

    def publish(self, handler_name: str, job_id: str) -> None:
        self.sender.send_task(handler_name, task_id=job_id, queue=QUEUE, connection=self.broker)

    def stop(self, sig: int = signal.SIGTERM, timeout_s: float = 30.0) -> None:
        if self.process.poll() is None:
            self.process.send_signal(sig)
        self.process.wait(timeout_s)


@contextmanager
def worker(folder: Path, *, broker: str, concurrency: int = 2, **environment: str) -> Iterator[Worker]:
    """A worker that has said that it is ready; ended when the `with` is left, also by a failed test."""
    log = folder / "worker.log"
    known = {
        "DATABASE_URL": database_url(),
        "CELERY_BROKER_URL": broker,
        "PULSE_DATA_DIR": str(folder),
        "PULSE_EXTRA_APPS": "tests.workload",
        "PULSE_EVENTS_STREAM": f"test:{os.getpid()}",
        "PULSE_WORKER_HEARTBEAT_S": "0.5",
        "PULSE_GATES": "pulse.gates.paused",  # a busy test machine holds nothing up
    }
    command = ["-m", "celery", "-A", "pulse_project", "worker", "-c", str(concurrency), "-Q", QUEUE, "-l", "INFO"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                sys.executable,
                *command,
                "--without-gossip",
                "--without-mingle",
                "-n",
                f"test{time.monotonic_ns()}@here",
            ],
            cwd=ROOT,
            env={**os.environ, **known, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    started = Worker(process, Connection(broker), log)
    try:
        wait_for(lambda: " ready." in log.read_text() or process.poll() is not None, timeout_s=60.0)
        assert process.poll() is None, log.read_text()
        yield started
    finally:
        if process.poll() is None:
            started.stop(signal.SIGKILL)
        started.broker.release()


def broker_of(number: int) -> str:
    """A database of the test's Valkey that nobody else listens on."""
    return f"{settings.REDIS_URL.rsplit('/', 1)[0]}/{number}"
