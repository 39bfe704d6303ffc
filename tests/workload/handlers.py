"""Pulse handlers that a test's worker runs."""

import logging
import os
import signal
import subprocess
import time
from pathlib import Path

from pydantic import BaseModel

from pulse.registry import handler
from pulse.run import Run


class Wait(BaseModel):
    flag: str = ""  # a file: the handler goes on when it is there
    timeout_s: float = 60.0


@handler("workload.talk", queue="workload", max_retries=0)
def talk(run: Run) -> str:
    """Says something in every way there is."""
    run.log.info("plain")
    run.stage("reading", "Reading now")
    with run.task("file-1"):
        print("printed")  # noqa: T201
        logging.getLogger("somebody.else").warning("from elsewhere", extra={"metadata": {"n": 1}})
    subprocess.run(["true"], check=True)
    return "said it"


@handler("workload.wait", payload=Wait, queue="workload", max_retries=0)
def wait(run: Run[Wait]) -> str:
    """Logs until the flag is there."""
    number = 0
    deadline = time.monotonic() + run.payload.timeout_s
    while not Path(run.payload.flag).exists() and time.monotonic() < deadline:
        run.log.info("tick %d", number)
        number += 1
        time.sleep(0.02)
    return str(number)


@handler("workload.die", queue="workload", max_retries=0)
def die(run: Run) -> None:
    """Its process is killed after its lines were written."""
    run.log.info("last words")
    time.sleep(1.5)
    os.kill(os.getpid(), signal.SIGKILL)


class Flood(BaseModel):
    lines: int


@handler("workload.flood", payload=Flood, queue="workload", max_retries=0)
def flood(run: Run[Flood]) -> str:
    """Logs as fast as it can; its summary is how many seconds that took."""
    began = time.monotonic()
    for number in range(run.payload.lines):
        run.log.info("line %d of a log that does not end", number)
    return f"{time.monotonic() - began:.3f}"
