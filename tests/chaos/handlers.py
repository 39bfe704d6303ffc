"""Handlers that write down themselves when each try of a job began and ended."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import transaction
from pydantic import BaseModel

from pulse.errors import PermanentError, RetryLater
from pulse.registry import handler
from pulse.run import Run
from tests.chaos.journal import runs
from tests.chaos.limits import AT_ONCE, AT_ONCE_PER_KEY

QUEUE = "chaos"
STEP_S = 0.1
SAFE: dict[str, Any] = {"queue": QUEUE, "on_orphan": "retry", "max_retries": 100, "timeout_s": 30.0}
FRAGILE = SAFE | {"on_orphan": "fail", "max_retries": 0}
CHUNK = 8  # jobs in one message


class Work(BaseModel):
    number: int = 0  # which of the plan's jobs this is
    seconds: float = 0.0
    failures: int = 0  # tries that fail before one succeeds
    children: int = 0


@contextmanager
def witnessed(run: Run[Any]) -> Iterator[None]:
    """Only a try whose process is killed has a beginning without an end."""
    journal, how = runs(settings.PULSE_DATA_DIR), "returned"
    names = {"job": run.job_id, "execution": run.execution_id, "attempt": run.attempt}
    journal.write(what="begin", handler=run.claim.handler_name, **names)
    try:
        yield
    except BaseException as error:
        how = type(error).__name__
        raise
    finally:
        journal.write(what="end", how=how, **names)


def work(run: Run[Work]) -> str:
    """Takes as long as it was told to, in steps at which it could be stopped."""
    with witnessed(run):
        until = time.monotonic() + run.payload.seconds
        while time.monotonic() < until:
            time.sleep(STEP_S)
            run.progress(advance=1)
        return f"worked for {run.payload.seconds:g} s"


handler("chaos.work", payload=Work, **SAFE)(work)
handler("chaos.limited", payload=Work, max_concurrent=AT_ONCE, **SAFE)(work)
handler("chaos.keyed", payload=Work, max_concurrent_per_key=AT_ONCE_PER_KEY, **SAFE)(work)
handler("chaos.once", payload=Work, **SAFE)(work)
handler("chaos.tick", payload=Work, **SAFE)(work)
handler("chaos.child", payload=Work, **SAFE)(work)
handler("chaos.chunked", payload=Work, chunk=CHUNK, **SAFE)(work)
handler("chaos.fragile", payload=Work, **FRAGILE)(work)
handler("chaos.fragile-chunked", payload=Work, chunk=CHUNK, **FRAGILE)(work)


@handler("chaos.flaky", payload=Work, **SAFE)
def flaky(run: Run[Work]) -> str:
    """Fails as often as it was told to: first in a way that uses up a try, then in one that does not."""
    with witnessed(run):
        if run.attempt == 1 and run.payload.failures:
            raise ConnectionError("connection refused")
        if run.attempt <= run.payload.failures:
            raise RetryLater(after_s=0.2)
        return f"succeeded at try {run.attempt}"


@handler("chaos.broken", payload=Work, **SAFE)
def broken(run: Run[Work]) -> None:
    """Cannot succeed."""
    with witnessed(run):
        raise PermanentError("it is broken")


@handler("chaos.parent", payload=Work, **SAFE)
def parent(run: Run[Work]) -> str:
    """Two phases: asks for children, waits without a worker, and counts how they ended."""
    with witnessed(run):
        if run.resume_from is None:
            with transaction.atomic():  # both or neither: no kill between them doubles the children
                run.enqueue_children([("chaos.child", {"seconds": run.payload.seconds})] * run.payload.children)
                run.checkpoint({"phase": "count"})
        ended = run.wait_for_children()
        return f"{sum(child.status == 'completed' for child in ended)} of {len(ended)} children completed"
