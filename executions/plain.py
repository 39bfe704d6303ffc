"""Plain Celery tasks, which are no Pulse handlers: each gets an execution and a log all the same.

A Celery application has its history by installing Pulse. Nothing here may stand in a task's way: while the database
is away the task runs on, and its execution is written when the database is back.
"""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from celery import Task
from django.conf import settings
from django.db import Error

from executions import services
from executions.services import TaskTry
from executions.unsettled import unsettled
from pulse import ids
from pulse.connections import drop_if_broken
from pulse.handlers.masking import MASK, is_secret
from pulse.identity import worker_id
from pulse.outcomes import Outcome
from pulse.recorders import recorders
from pulse.registry import NoPayload, registry
from pulse.run import Run, current_run

logger = logging.getLogger(__name__)
NAME_MAX: Final = 200  # characters


class TaskRun(Run[NoPayload]):
    """A plain Celery task as a run: stage, task, log, spend and summary work. It has no job to stop or to advance."""

    def _sync(self, *, now: bool = False) -> None:
        """There is no job to ask."""


@dataclass(slots=True, kw_only=True)
class Begun:
    """A try that this process is running."""

    task: TaskTry
    run: TaskRun
    began: float  # monotonic
    ended: float = 0.0
    is_written: bool = False


begun: Final[dict[str, Begun]] = {}  # by Celery's task id


def is_recorded(name: str) -> bool:
    """Whether settings.PULSE_RECORD_CELERY_TASKS asks for this task. Handlers are recorded by the engine."""
    wanted: str = settings.PULSE_RECORD_CELERY_TASKS.strip()
    if name in registry or name.startswith("celery.") or wanted == "handlers":
        return False
    return wanted == "all" or any(fnmatchcase(name, pattern.strip()) for pattern in wanted.split(","))


def begin(task: "Task[..., Any]", task_id: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> None:
    """The task's body is about to be called in this thread. A task that a run calls itself belongs to that run."""
    if current_run.get() is not None or not is_recorded(task.name):
        return
    found = _begun(task, task_id)
    begun[task_id] = found
    _write(found)
    current_run.set(found.run)
    for recorder in recorders():
        recorder.begin(found.run)
    if settings.PULSE_RECORD_TASK_ARGS and (args or kwargs):
        shown = {"args": list(args), "kwargs": masked(kwargs)}
        found.run.log.info("Called with %d arguments", len(args) + len(kwargs), extra={"metadata": shown})


def end(task_id: str, outcome: Outcome) -> None:
    """The task ended in this process. The first to say so is heard."""
    found = begun.pop(task_id, None)
    if found is None:
        return
    found.ended = time.monotonic()
    if current_run.get() is found.run:
        current_run.set(None)
    reached = replace(
        outcome,
        cost_micros=found.run.cost_micros,
        stage=found.run.current_stage,
        result_summary=found.run.result_summary or outcome.result_summary,
    )
    try:
        _settle(found, reached)
    except Error as error:
        _fault("ended", found, error)
        unsettled.add(lambda: _settle(found, reached))


def masked(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments whose names say that they are secret are not shown."""
    return {name: MASK if is_secret(name) else value for name, value in kwargs.items()}


def _begun(task: "Task[..., Any]", task_id: str) -> Begun:
    made = TaskTry(
        execution_id=ids.execution_id(),
        celery_task_id=task_id,
        name=task.name[:NAME_MAX],
        attempt=(task.request.retries or 0) + 1,
        worker=task.request.hostname or "",
        worker_id=None if task.request.is_eager else worker_id(),
    )
    return Begun(task=made, run=TaskRun(made.claim, NoPayload()), began=time.monotonic())


def _write(found: Begun) -> None:
    try:
        services.begin_task(found.task, ago_s=time.monotonic() - found.began)
    except Error as error:
        _fault("begun", found, error)
    else:
        found.is_written = True
        services.tell_begin(found.task)


def _settle(found: Begun, outcome: Outcome) -> None:
    now = time.monotonic()
    if not found.is_written:
        services.begin_task(found.task, ago_s=now - found.began)
    services.settle_task(found.task, outcome, ago_s=now - found.ended)


def _fault(what: str, found: Begun, error: Error) -> None:
    drop_if_broken()
    name = found.task.name
    logger.warning("task %s has %s, which cannot be written now and is written later: %s", name, what, error)
