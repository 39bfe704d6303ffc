"""Chunks: several short jobs of one handler in one message.

They are taken by one statement, run one after another, and their ends are settled in groups: every 50 ms, every 50
jobs, and at the end. Each is a job like any other, with its own execution, log, gates, time limit and outcome. What a
worker that stops or dies has not begun goes back to the queue as if it had not been taken.
"""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from types import FrameType
from typing import Any, Final

from celery.exceptions import SoftTimeLimitExceeded
from django.db import Error, connection

from pulse import engine
from pulse.calling import outcome_of
from pulse.identity import is_stopping
from pulse.models import Job
from pulse.outcomes import Outcome
from pulse.registry import registry
from pulse.run import Claim
from pulse.states import JobStatus

GROUP_JOBS: Final = 50  # ends written together
GROUP_S: Final = 0.05  # between writes while a handler takes its time


def run(job_ids: list[str], *, worker_id: str, worker_name: str) -> int:
    """Run the jobs that are still to be had, one after another. Returns how many ran."""
    claims = engine.take_many(job_ids, worker_id=worker_id)
    ran = 0
    group = Group(claims, worker_name=worker_name)
    try:
        with group:
            for claimed in claims:
                if is_stopping():
                    break
                group.waiting.discard(claimed.job_id)
                ran += _run_one(claimed, group)
    finally:
        left = [claimed for claimed in claims if claimed.job_id in group.waiting]
        engine.patiently(lambda: engine.put_back(left))
    return ran


def _run_one(claimed: Claim, group: "Group") -> bool:
    if claimed.job_id in group.cancelled:
        engine.patiently(lambda: engine.put_back([claimed]))
        return False
    if not engine.admit(claimed) or not group.begin(claimed):
        return False
    with time_limit(claimed.timeout_s):
        outcome = outcome_of(claimed)
    group.end(claimed, outcome)
    return True


class Group:
    """Begins and ends that are not in the database yet. A thread writes them while a handler takes its time."""

    def __init__(self, claims: list[Claim], *, worker_name: str) -> None:
        self.worker_name = worker_name
        self.waiting = {claimed.job_id for claimed in claims}  # not begun
        self.cancelled: set[str] = set()  # of those, the ones that an operator cancelled
        self._begun: list[tuple[Claim, datetime]] = []
        self._ended: list[tuple[Claim, Outcome, datetime | None]] = []
        self._written: set[str] = set()  # jobs whose begin the database has
        self._clock = engine.database_now(), time.monotonic()
        self._lists = threading.Lock()
        self._writing = threading.Lock()  # a begin is written before its end
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._write_regularly, name="pulse-chunk", daemon=True)

    def __enter__(self) -> "Group":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()
        engine.patiently(self.write)

    def begin(self, claimed: Claim) -> bool:
        """The handler is about to be called. One that is not safe to repeat is written down before it is; False when
        it was taken from this worker meanwhile."""
        with self._lists:
            self._begun.append((claimed, self._now()))
        if registry.get(claimed.handler_name).on_orphan != "fail":
            return True
        engine.patiently(self.write)
        return claimed.job_id in self._written or engine.patiently(lambda: engine.is_held(claimed))

    def end(self, claimed: Claim, outcome: Outcome) -> None:
        with self._lists:
            self._ended.append((claimed, outcome, self._now()))
            is_full = len(self._ended) >= GROUP_JOBS
        if is_full:
            engine.patiently(self.write)

    def write(self) -> None:
        """Put what has happened into the database. Raises django.db.Error: then it is kept for the next time."""
        with self._writing:
            with self._lists:
                begun, ended = self._begun[:], self._ended[:]
            if begun:
                self._written |= engine.begin_many(begun, worker_name=self.worker_name)
                self._forget(self._begun, len(begun))
            if ended:
                engine.settle_many(ended)
                self._forget(self._ended, len(ended))

    def _forget(self, kept: list[Any], written: int) -> None:
        with self._lists:
            del kept[:written]

    def _now(self) -> datetime:
        """By the database's clock, without asking it again."""
        asked_at, then = self._clock
        return asked_at + timedelta(seconds=time.monotonic() - then)

    def _write_regularly(self) -> None:
        while not self._done.wait(GROUP_S):
            try:
                self.write()
                told = Job.objects.filter(pk__in=self.waiting, status=JobStatus.RUNNING)
                self.cancelled = set(told.exclude(cancel_requested_at=None).values_list("pk", flat=True))
            except Error:
                connection.close()
        connection.close()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise SoftTimeLimitExceeded after `seconds`; in a thread, which no signal reaches, there is no limit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(_: int, __: FrameType | None) -> None:
        raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
