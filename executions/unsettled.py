"""Ends of executions that the database could not take: tried again each second until it does.

A thread, started when there is something to try: only in processes that run tasks, which never fork.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from django.db import Error, connection

logger = logging.getLogger(__name__)
RETRY_S: Final = 1.0
LIMIT: Final = 10_000  # more than this are given up, the oldest first; the sweep of lost tasks ends them


class Unsettled:
    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._waiting: deque[Callable[[], object]] = deque(maxlen=LIMIT)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, settle: Callable[[], object]) -> None:
        """Call `settle` until it raises no database error."""
        with self._lock:
            self._waiting.append(settle)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="pulse-unsettled", daemon=True)
                self._thread.start()

    def join(self, timeout_s: float) -> None:
        """Wait for the last one, but not for ever."""
        if (thread := self._thread) is not None:
            thread.join(timeout_s)

    def forget(self) -> None:
        """In a forked child: they are the parent's."""
        self._reset()

    def _work(self) -> None:
        pause = threading.Event()
        while self._settle_all():
            pause.wait(RETRY_S)
        connection.close()

    def _settle_all(self) -> bool:
        """Whether any are left. With none, the thread is over: the next one starts another."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return False
                settle = self._waiting[0]
            try:
                settle()
            except Error as error:
                logger.info("an execution is still not settled: %s", error)
                connection.close()
                return True
            with self._lock:
                if self._waiting and self._waiting[0] is settle:
                    self._waiting.popleft()


unsettled: Final = Unsettled()
os.register_at_fork(after_in_child=unsettled.forget)
