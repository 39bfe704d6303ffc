"""Receivers of Celery's signals: they write the executions of plain Celery tasks.

What is sent in the pool process ends the execution that process began. What the worker's main process sends instead,
because the pool process is gone, ends the one that is running in the database. Whichever comes first counts.
"""

import atexit
import logging
import os
from collections import deque
from typing import Any, Final

from celery import Task, signals
from celery.exceptions import Retry
from django.conf import settings
from django.db import Error, connection

from executions import endings, plain, services
from executions.unsettled import unsettled
from pulse import clock
from pulse.connections import drop_if_broken
from pulse.identity import worker_id
from pulse.outcomes import Outcome

logger = logging.getLogger(__name__)
STOPPED: Final = "the worker was stopped before it ended; Celery delivers the task again"
SHUTDOWN_S: Final = 3.0  # how long a pool process that ends waits for the database

in_main: Final[deque[tuple[str, Outcome]]] = deque(maxlen=10_000)  # what the main process has to write again


@signals.task_prerun.connect
def begin(*, task: "Task[..., Any]", task_id: str, args: Any, kwargs: Any, **_: Any) -> None:
    plain.begin(task, task_id, args, kwargs)


@signals.task_success.connect
def complete(*, sender: "Task[..., Any]", result: Any, **_: Any) -> None:
    plain.end(str(sender.request.id), endings.completed(result, shown=settings.PULSE_RECORD_TASK_ARGS))


@signals.task_failure.connect
def fail(*, sender: "Task[..., Any]", task_id: str, exception: BaseException, **_: Any) -> None:
    _end(sender, task_id, endings.failed(exception))


@signals.task_internal_error.connect
def fail_inside_celery(*, task_id: str, exception: BaseException, **_: Any) -> None:
    plain.end(task_id, endings.failed(exception))


@signals.task_retry.connect
def retry(*, sender: "Task[..., Any]", request: Any, reason: Retry | None = None, **_: Any) -> None:
    """Without a reason it comes from the main process: it ended the task because it was told to stop."""
    outcome = endings.retried(reason, after_s=_seconds(reason)) if reason else endings.lost(STOPPED)
    _end(sender, str(request.id), outcome)


@signals.task_postrun.connect
def finish(*, task_id: str, state: str | None, **_: Any) -> None:
    """What raised Ignore or Reject, for which there is no signal; all others have ended before.

    Without a state the process was told to exit: the main process knows why, and says so.
    """
    if state is not None and task_id in plain.begun:
        plain.end(task_id, endings.unsaid(state))


@signals.task_revoked.connect
def cancel(*, sender: "Task[..., Any]", request: Any, terminated: bool, expired: bool, **_: Any) -> None:
    """In the main process. One that had not begun has no execution, and gets none."""
    if terminated:
        _end(sender, str(request.id), endings.revoked(expired=expired))


@signals.worker_process_shutdown.connect
def leave(**_: Any) -> None:
    """The pool process ends: what waits for the database is tried for a moment more."""
    unsettled.join(SHUTDOWN_S)


@signals.worker_init.connect
def settle_at_exit(**_: Any) -> None:
    """A worker that stops at once sends nothing for what it gives up."""
    atexit.register(_leave_nothing, os.getpid())


@signals.heartbeat_sent.connect
def settle_again(**_: Any) -> None:
    """In the main process, every two seconds: what the database could not take."""
    for _number in range(len(in_main)):
        _settle_from_main(*in_main.popleft())


def _end(sender: "Task[..., Any]", task_id: str, outcome: Outcome) -> None:
    if task_id in plain.begun:
        plain.end(task_id, outcome)
    elif plain.is_recorded(sender.name):
        _settle_from_main(task_id, outcome)


def _settle_from_main(task_id: str, outcome: Outcome) -> None:
    try:
        services.settle_elsewhere(task_id, outcome)
    except Error as error:
        drop_if_broken()
        logger.warning("the end of task %s is written later: %s", task_id, error)
        in_main.append((task_id, outcome))


def _leave_nothing(main_pid: int) -> None:
    if os.getpid() == main_pid:
        try:
            connection.close()
            services.settle_left(worker_id(), endings.lost(STOPPED))
        except Error as error:
            logger.warning("what this worker left is ended by the sweep: %s", error)


def _seconds(reason: Retry) -> float | None:
    if isinstance(reason.when, int | float):
        return float(reason.when)
    return None if reason.when is None else (reason.when - clock.now()).total_seconds()
