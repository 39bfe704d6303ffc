"""Plain Celery tasks, which know nothing of Pulse."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from celery import Task, shared_task
from celery.exceptions import Ignore, Reject
from celery.utils.log import get_task_logger

logger = get_task_logger(__name__)


@shared_task(queue="workload")
def add(x: int, y: int, *, api_token: str = "") -> int:
    logger.info("adding")
    print("printed by a task")  # noqa: T201
    return x + y


@shared_task(queue="workload")
def fail() -> None:
    raise ValueError("it is broken\x00")


@shared_task(bind=True, queue="workload", max_retries=1)
def fail_twice(self: "Task[..., Any]") -> None:
    try:
        raise ConnectionError("not there")
    except ConnectionError as error:
        raise self.retry(exc=error, countdown=0.2) from error


@shared_task(queue="workload")
def leave(how: str) -> None:
    raise {"ignore": Ignore(), "reject": Reject("no", requeue=False)}[how]


@shared_task(queue="workload")
def die() -> None:
    logger.info("last words")
    time.sleep(1.5)
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task(queue="workload", soft_time_limit=1, time_limit=30)
def too_long() -> None:
    time.sleep(30)


@shared_task(queue="workload", time_limit=1)
def much_too_long() -> None:
    while True:
        time.sleep(1)


@shared_task(queue="workload")
def wait(flag: str) -> str:
    while not Path(flag).exists():
        logger.info("waiting")
        time.sleep(0.05)
    return "went on"


@shared_task(queue="workload")
def outer() -> int:
    logger.info("before")
    result = add.apply(args=(1, 2)).get(disable_sync_subtasks=False)
    logger.info("after")
    return result
