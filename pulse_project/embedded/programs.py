"""Pulse's own processes, as they also run without `manage.py up`: web, worker and beat."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pulse_project.embedded.ports import LOOPBACK
from pulse_project.embedded.process import Child

CELERY = ["celery", "-A", "pulse_project"]
FASTER = {"PYTHONUNBUFFERED": "1", "CELERY_SKIP_CHECKS": "1"}  # `manage.py up` has run Django's checks itself
TERM, QUIT = signal.SIGTERM, signal.SIGQUIT


def web_command(port: int) -> list[str]:
    return [
        "uvicorn",
        "pulse_project.asgi:application",
        *("--host", LOOPBACK, "--port", str(port)),
        "--no-access-log",
        *("--timeout-graceful-shutdown", "1"),  # open sockets of browsers do not hold up the stop
    ]


def worker_command(concurrency: int) -> list[str]:
    """Workers need nothing from each other, so they do not look for each other."""
    return [
        *CELERY,
        "worker",
        *("--hostname", "up@%h", "--concurrency", str(concurrency), "--loglevel", "INFO"),
        "--without-gossip",
        "--without-mingle",
    ]


def beat_command() -> list[str]:
    return [*CELERY, "beat", "--pidfile=", "--loglevel", "INFO"]


def children(
    *, port: int, concurrency: int, environment: Mapping[str, str], project: Path, logs: Path
) -> list[Child]:
    """Web, worker and beat, not started. Together with the servers they stop within 15 s.

    A worker that is told to QUIT ends its jobs, gives them back to the queue, and takes 3 s for that.
    """

    def child(name: str, command: Sequence[str], *stop_signals: tuple[signal.Signals, float]) -> Child:
        return Child(
            name,
            [sys.executable, "-m", *command],
            log=logs / f"{name}.log",
            stop_signals=stop_signals,
            environment={**os.environ, **environment, **FASTER},
            folder=project,
        )

    return [
        child("web", web_command(port), (TERM, 1.0)),
        child("worker", worker_command(concurrency), (TERM, 3.5), (QUIT, 3.5)),
        child("beat", beat_command(), (TERM, 1.0)),
    ]
