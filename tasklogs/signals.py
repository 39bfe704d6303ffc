"""Receivers of Celery's signals: they let a worker's lines reach the log, and see that none is left in memory."""

from typing import Any

from celery import signals
from django.conf import settings

from tasklogs.flusher import flusher
from tasklogs.spill import SUFFIX


@signals.setup_logging.connect
def keep_our_logging(**_: Any) -> None:
    """Having a receiver at all keeps Celery from setting up loggers that pass nothing on to the root's handlers."""


@signals.worker_process_init.connect
def take_over(**_: Any) -> None:
    """Lines that a process could not write before it ended are written by the next one."""
    if any(settings.PULSE_LOG_SPILL_DIR.glob(f"*{SUFFIX}")):
        flusher.notice(urgent=True)


@signals.worker_process_shutdown.connect
def leave(**_: Any) -> None:
    flusher.stop()
