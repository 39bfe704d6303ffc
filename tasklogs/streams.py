"""print() and whatever else a run writes to sys.stdout and sys.stderr goes to the run's log, and on to where it went.

What a child process writes, or C code, does not pass here.
"""

import logging
import sys
import threading
import time
from typing import Any, Final

from tasklogs.buffers import Buffer, current

LEVELS: Final = {"stdout": "info", "stderr": "warn"}
PART_MAX: Final = 1 << 20  # characters without a line's end that become a line all the same


class Tee:
    """Stands in for a stream: everything passes through, and lines written during a run are added to its log."""

    def __init__(self, stream: Any, name: str) -> None:
        self.stream = stream
        self.name = name
        self.level = LEVELS[name]

    def __getattr__(self, attribute: str) -> Any:
        return getattr(self.stream, attribute)

    def write(self, text: str) -> int:
        written: int = self.stream.write(text)
        buffer = current.get()
        if buffer is not None and buffer.is_open and not _is_logging():
            self._capture(buffer, text)
        return written

    def writelines(self, lines: list[str]) -> None:
        for line in lines:
            self.write(line)

    def _capture(self, buffer: Buffer, text: str) -> None:
        key = (threading.get_ident(), self.name)
        *lines, rest = (buffer.parts.pop(key, "") + text).split("\n")
        if len(rest) > PART_MAX:
            lines, rest = [*lines, rest], ""
        if rest:
            buffer.parts[key] = rest
        for line in lines:
            add(buffer, self.name, line)


def install() -> None:
    """Put a Tee in front of sys.stdout and sys.stderr, once."""
    if not isinstance(sys.stdout, Tee):
        sys.stdout = Tee(sys.stdout, "stdout")
    if not isinstance(sys.stderr, Tee):
        sys.stderr = Tee(sys.stderr, "stderr")


def finish(buffer: Buffer) -> None:
    """What was written without a line's end becomes a line."""
    for key in list(buffer.parts):
        add(buffer, key[1], buffer.parts.pop(key))


def add(buffer: Buffer, name: str, text: str) -> None:
    if line := text.rstrip("\r"):
        buffer.add(LEVELS[name], line, time.time(), {"stream": name})


def _is_logging() -> bool:
    """Whether logging writes: a StreamHandler's output is a record that the root handler has taken already."""
    return sys._getframe(2).f_globals is vars(logging)
