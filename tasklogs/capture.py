"""What is logged during a run goes to the run's log: the handler of Python's logging.

It is on the root logger (settings.LOGGING). Loaded before Django's models are, so it may import none.
"""

import logging
from functools import lru_cache
from typing import Final

from tasklogs.buffers import current
from tasklogs.lines import level_of, message_of, metadata_of

RUN_LOGGER: Final = "pulse.run"
PLUMBING: Final = (
    "django.db",
    "kombu",
    "amqp",
    "celery",
    "pulse.stream",
    "tasklogs",
    "executions",
)  # how lines travel
TASK_LOGGERS: Final = "celery.task"  # Celery's own name for what tasks log


class RunLogHandler(logging.Handler):
    """Adds every record that is made in the context of a run to that run's log."""

    def createLock(self) -> None:  # noqa: N802  logging's name
        """None: a buffer has its own, and a run that waits for the database must not hold up other threads."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        buffer = current.get()
        if buffer is None or not buffer.is_open or is_plumbing(record.name):
            return
        is_own = record.name == RUN_LOGGER
        try:
            buffer.add(
                level_of(record.levelno), message_of(record), record.created, metadata_of(record, named=not is_own)
            )
        except Exception:  # noqa: BLE001  logging's own rule: what cannot be logged never breaks who logs
            self.handleError(record)
        if is_own:
            buffer.run.check_cancelled()  # each log call is a checkpoint: raises Cancelled or PauseRequested


@lru_cache(maxsize=4096)
def is_plumbing(name: str) -> bool:
    """Loggers of what carries the lines, whose own lines would make more lines."""
    if name == TASK_LOGGERS or name.startswith(f"{TASK_LOGGERS}."):
        return False
    return any(name == own or name.startswith(f"{own}.") for own in PLUMBING)
