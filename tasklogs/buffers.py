"""The lines of one execution that are not in the database yet.

Any thread of the run adds lines; one thread of the process (tasklogs.flusher) takes them away in batches. While the
database takes nothing, lines wait in memory up to a limit and then in a file.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from pulse.text import storable, storable_json
from tasklogs.lines import Line, label
from tasklogs.spill import Spill

URGENT_LINES: Final = 500  # waiting lines that are written without waiting for the next half second
URGENT_BYTES: Final = 1 << 20
LIMIT_BYTES: Final = 16 << 20  # waiting in memory, per execution
BATCH_LINES: Final = 5_000
BATCH_BYTES: Final = 8 << 20

DROPPED_BECAUSE: Final = "the database could not be reached, and there was no room to keep them"

current: ContextVar["Buffer | None"] = ContextVar("tasklogs_buffer", default=None)


class Labels(Protocol):
    """What a line asks its run."""

    current_stage: str
    current_task: str | None

    def check_cancelled(self) -> None: ...


class Nowhere:
    """The labels of lines that no run of this process wrote."""

    current_stage = "unknown"
    current_task: str | None = None

    def check_cancelled(self) -> None:
        """There is nothing to cancel."""


class Keeper(Protocol):
    """Who takes the lines away."""

    def notice(self, *, urgent: bool) -> None:
        """There are lines to write."""

    def relieve(self, buffer: "Buffer") -> None:
        """There are too many: come back when there is room."""


class Buffer:
    def __init__(self, run: Labels, *, execution_id: str, job_id: str | None, keeper: Keeper, spill: Spill) -> None:
        self.run = run
        self.execution_id = execution_id
        self.job_id = job_id
        self.keeper = keeper
        self.spill = spill
        self.outer: Buffer | None = None  # the buffer of a run that this one was started inside
        self.is_open = True  # to lines of the run
        self.parts: dict[tuple[int, str], str] = {}  # written without a line's end yet, by thread and stream
        self.size = 0  # bytes of `waiting`, about
        self.settling: list[Line] = []  # given to the statement that settles the execution
        self.settling_since = 0.0  # the last try to settle, monotonic
        self.dropped = 0  # lines that neither memory nor the file could take
        self._waiting: deque[Line] = deque()
        self._taken: list[Line] = []  # being written
        self._taken_from_spill = False
        self._said_dropped = 0
        self._seq = 0
        self._last_seq: int | None = None
        self._is_urgent = False
        self._lock = threading.RLock()  # reentrant: a signal's handler may log in the middle of `add`

    @property
    def has_lines(self) -> bool:
        """Lines wait, in memory or in the file."""
        return bool(self._waiting) or self.spill.has_lines

    @property
    def is_being_written(self) -> bool:
        return bool(self._taken)

    @property
    def is_idle(self) -> bool:
        return not self.has_lines and not self.is_being_written

    @property
    def waiting(self) -> int:
        """Lines in memory that nobody is writing yet."""
        return len(self._waiting)

    def enter(self) -> None:
        """From here on what is logged in this context is the run's."""
        outer = current.get()
        self.outer = outer if outer is not None and outer.is_open else None
        current.set(self)

    def leave(self) -> None:
        if current.get() is self:
            current.set(self.outer)

    def last_seq(self) -> int:
        """The number of the line that says how the execution ended; the same each time it is asked."""
        with self._lock:
            if self._last_seq is None:
                self._seq += 1
                self._last_seq = self._seq
            return self._last_seq

    def labels(self) -> tuple[str, str | None]:
        """The stage and task that the run is in."""
        stage, task = self.run.current_stage or "unknown", self.run.current_task
        return storable(label(str(stage))), None if task is None else storable(label(str(task)))

    def add(self, level: str, message: str, created: float, metadata: Mapping[str, Any] | None = None) -> None:
        """Add one line with the run's present stage and task. `created` is in unix seconds."""
        stage, task = self.labels()
        known = None if metadata is None else storable_json(metadata)
        timestamp = datetime.fromtimestamp(created, UTC)
        text = storable(message)
        with self._lock:
            self._seq += 1
            line = Line(self.execution_id, self.job_id, self._seq, stage, task, timestamp, level, text, known)
            self._waiting.append(line)
            self.size += line.size
            count = len(self._waiting)
        if count == 1:
            self.keeper.notice(urgent=False)
        if (count >= URGENT_LINES or self.size >= URGENT_BYTES) and not self._is_urgent:
            self._is_urgent = True
            self.keeper.notice(urgent=True)
        if self.size > LIMIT_BYTES:
            self.keeper.relieve(self)

    def take(self) -> list[Line]:
        """The oldest lines, to be written; then `wrote` or `give_back`. For the writing thread only."""
        with self._lock:
            self._is_urgent = False
            self._taken_from_spill = self.spill.has_lines
            self._taken = self.spill.peek() if self._taken_from_spill else self._next_waiting()
            return self._taken

    def wrote(self) -> None:
        """What was taken is in the database."""
        with self._lock:
            if self._taken_from_spill:
                self.spill.advance()
            self._taken = []

    def give_back(self) -> None:
        """What was taken could not be written."""
        with self._lock:
            if not self._taken_from_spill:
                self._put_first(self._taken)
            self._taken = []

    def take_for_settle(self) -> None:
        """All waiting lines go to `settling`: the statement that settles the execution writes them."""
        with self._lock:
            self.settling += self._waiting
            self._waiting.clear()
            self.size = 0

    def settled(self) -> None:
        with self._lock:
            self.settling = []

    def not_settled(self) -> None:
        """The settle did not come to pass: its lines are written like any others."""
        with self._lock:
            self._put_first(self.settling)
            self.settling = []

    def move_to_spill(self) -> None:
        """Make room in memory: all waiting lines go to the file, or, where that cannot take them, are counted."""
        with self._lock:
            if not self.spill.append(self._waiting):
                self.dropped += len(self._waiting)
            self._waiting.clear()
            self.size = 0

    def say_dropped(self) -> None:
        """Add a line that says how many lines this log lacks, where that is news."""
        with self._lock:
            is_news = self.dropped > self._said_dropped
            self._said_dropped = self.dropped
        if is_news:
            self.add("warn", f"{self.dropped} lines of this log were dropped: {DROPPED_BECAUSE}", time.time())

    def _next_waiting(self) -> list[Line]:
        batch: list[Line] = []
        size = 0
        while self._waiting and len(batch) < BATCH_LINES and size < BATCH_BYTES:
            line = self._waiting.popleft()
            size += line.size
            batch.append(line)
        self.size = max(0, self.size - size) if self._waiting else 0
        return batch

    def _put_first(self, lines: list[Line]) -> None:
        self._waiting.extendleft(reversed(lines))
        self.size += sum(line.size for line in lines)
