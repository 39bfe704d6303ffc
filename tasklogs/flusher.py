"""The thread that writes waiting lines: one per process, started with the first line that has to wait.

Lines are written when 500 wait or the oldest waited half a second. A database fault is met with patience: the lines
stay where they are, the run goes on, and the thread tries again.
"""

import logging
import os
import threading
import time
from typing import Any, Final

from django.conf import settings
from django.db import connection

from pulse import events
from pulse.run import Run
from tasklogs import store
from tasklogs.buffers import LIMIT_BYTES, URGENT_BYTES, URGENT_LINES, Buffer, Nowhere
from tasklogs.lines import Line, wire
from tasklogs.spill import Spill, left_behind

logger = logging.getLogger(__name__)
WAIT_S: Final = 0.5  # how long a line waits at most
IDLE_S: Final = 5.0  # without lines, before the thread's database connection is closed
RETRY_S: Final = (0.5, 1.0, 2.0, 5.0)  # between tries while the database takes nothing
STUCK_S: Final = 30.0  # a database that neither takes lines nor fails
ABANDONED_S: Final = 60.0  # after the last try to settle
EVENT_LINES: Final = 200  # sent to watchers at once
EVENT_BYTES: Final = 64 << 10


class Flusher:
    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self.buffers: dict[str, Buffer] = {}
        self.failures = 0  # in a row
        self._pending = threading.Event()  # lines wait
        self._urgent = threading.Event()  # and not for another half second
        self._stopping = threading.Event()
        self._progress = threading.Condition()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    # --- for the runs' threads ---

    def open(self, run: Run[Any]) -> Buffer:
        """Begin to take lines of a run."""
        self._reclaim()
        spill = Spill(
            settings.PULSE_LOG_SPILL_DIR,
            f"{run.execution_id}.{os.getpid()}",
            max_bytes=settings.PULSE_LOG_SPILL_MAX_BYTES,
        )
        buffer = Buffer(run, execution_id=run.execution_id, job_id=run.job_id or None, keeper=self, spill=spill)
        self.buffers[run.execution_id] = buffer
        return buffer

    def close(self, buffer: Buffer) -> None:
        """The run is over: nothing more comes, what waits is still written."""
        buffer.is_open = False
        if buffer.is_idle:
            self.buffers.pop(buffer.execution_id, None)
        else:
            self.notice(urgent=True)

    def notice(self, *, urgent: bool) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._start()
        self._pending.set()
        if urgent:
            self._urgent.set()

    def relieve(self, buffer: Buffer) -> None:
        """Wait until the database has taken lines, or move them to the buffer's file where it takes none."""
        deadline = time.monotonic() + STUCK_S
        while buffer.size > LIMIT_BYTES // 2 and threading.current_thread() is not self._thread:
            if self.failures or time.monotonic() > deadline:
                buffer.move_to_spill()
            else:
                self.notice(urgent=True)
                self._wait()

    def drain(self, buffer: Buffer) -> bool:
        """Have the buffer's lines written until few enough are left for one statement. False when that must wait."""
        deadline = time.monotonic() + STUCK_S
        while not _is_drained(buffer):
            if self.failures or time.monotonic() > deadline:
                return False
            self.notice(urgent=True)
            self._wait()
        return True

    def stop(self, timeout_s: float = 5.0) -> None:
        """Write what waits and end the thread. What cannot be written is left in files for another process."""
        for buffer in self.buffers.values():
            buffer.not_settled()
        if self._thread is not None and self._thread.is_alive():
            self._stopping.set()
            self.notice(urgent=True)
            self._thread.join(timeout_s)
        for buffer in self.buffers.values():
            buffer.is_open = False
            if buffer.waiting:
                buffer.move_to_spill()
            buffer.spill.release()
        self._reset()

    def forget(self) -> None:
        """In a forked child: the lines and the thread are the parent's."""
        for buffer in self.buffers.values():
            buffer.is_open = False
        self._reset()

    def _reclaim(self) -> None:
        """A settle that nobody tries any more leaves its lines: they are written like any others."""
        for buffer in list(self.buffers.values()):
            if buffer.settling_since and time.monotonic() - buffer.settling_since > ABANDONED_S:
                buffer.not_settled()
                self.close(buffer)

    def _wait(self) -> None:
        with self._progress:
            self._progress.wait(0.1)

    def _start(self) -> None:
        with self._starting:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._work, name="pulse-task-logs", daemon=True)
                self._thread.start()

    # --- for the thread itself ---

    def _work(self) -> None:
        self._adopt()
        try:
            while not self._stopping.is_set():
                if not self._pending.wait(IDLE_S):
                    connection.close()
                    self._pending.wait()
                self._pause()
                self._pending.clear()
                self._urgent.clear()
                self._round()
            self._round()
        finally:
            connection.close()

    def _pause(self) -> None:
        if self.failures:
            self._stopping.wait(RETRY_S[min(self.failures, len(RETRY_S)) - 1])
        else:
            self._urgent.wait(WAIT_S)

    def _round(self) -> None:
        try:
            for buffer in list(self.buffers.values()):
                self._write_all(buffer)
        except store.LATER as error:
            self._failed(error)
        with self._progress:
            self._progress.notify_all()

    def _write_all(self, buffer: Buffer) -> None:
        while buffer.has_lines:
            lines = buffer.take()
            try:
                store.write(lines)
            except BaseException:
                buffer.give_back()
                raise
            buffer.wrote()
            self._wrote(buffer, lines)
            if buffer.waiting < URGENT_LINES and not buffer.spill.has_lines:
                break
        if buffer.has_lines:
            self._pending.set()
        elif not buffer.is_open:
            self.buffers.pop(buffer.execution_id, None)

    def _wrote(self, buffer: Buffer, lines: list[Line]) -> None:
        if self.failures:
            self.failures = 0
            logger.warning("log lines are written again")
            self._adopt()
        buffer.say_dropped()
        if lines:
            tell(lines)

    def _failed(self, error: Exception) -> None:
        connection.close()
        self.failures += 1
        self._pending.set()
        if self.failures == 1:
            logger.warning("log lines cannot be written now, they are kept: %s", error)

    def _adopt(self) -> None:
        """Take over what processes that are gone could not write."""
        folder, max_bytes = settings.PULSE_LOG_SPILL_DIR, settings.PULSE_LOG_SPILL_MAX_BYTES
        for spill in left_behind(folder, max_bytes=max_bytes):
            name = spill.path.name
            self.buffers[name] = Buffer(Nowhere(), execution_id=name, job_id=None, keeper=self, spill=spill)
            self.buffers[name].is_open = False
            self._pending.set()


def tell(lines: list[Line]) -> None:
    """Send newly written lines of one execution to whoever watches it: the newest ones, as far as they fit."""
    size = 0
    first = len(lines)
    for line in reversed(lines[-EVENT_LINES:]):
        size += line.size
        if size > EVENT_BYTES:
            break
        first -= 1
    newest = lines[-1]
    events.emit(
        events.LogLines(
            execution_id=newest.execution_id,
            async_job_id=newest.job_id,
            last_seq=newest.seq,
            lines=[wire(line) for line in lines[first:]],
        )
    )


def _is_drained(buffer: Buffer) -> bool:
    is_little = buffer.waiting <= URGENT_LINES and buffer.size <= URGENT_BYTES
    return is_little and not buffer.is_being_written and not buffer.spill.has_lines


flusher: Final = Flusher()
os.register_at_fork(after_in_child=flusher.forget)
