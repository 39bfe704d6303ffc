"""A file for lines that the database cannot take now: one per execution, locked by the process that writes it.

A process that ends while the database is away leaves its files; another one finds them unlocked and writes them.
"""

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from tasklogs.lines import Line

logger = logging.getLogger(__name__)
SUFFIX: Final = ".lines"
READ_BYTES: Final = 4 << 20  # read at once; more only for a line that is longer


class Spill:
    """`folder` is made when the first line comes; `max_bytes` bounds the file."""

    def __init__(self, folder: Path, name: str, *, max_bytes: int) -> None:
        self.path = folder / f"{name}{SUFFIX}"
        self.max_bytes = max_bytes
        self._file: int | None = None
        self._size = 0
        self._read = 0  # bytes of the file that are in the database
        self._peeked = 0  # up to where `peek` came
        self._failed = False

    @property
    def has_lines(self) -> bool:
        return self._read < self._size

    def append(self, lines: Iterable[Line]) -> bool:
        """Keep the lines. False when the file is full or cannot be written: then none of them is kept."""
        data = b"".join(_packed(line) for line in lines)
        if self._size + len(data) > self.max_bytes:
            return False
        written = 0
        try:
            file = self._open()
            while written < len(data):
                written += os.pwrite(file, data[written:], self._size + written)
        except OSError as error:
            if not self._failed:
                logger.warning("log lines cannot be kept in %s: %s", self.path, error)
            self._failed = True
            return False
        self._size += len(data)
        return True

    def peek(self) -> list[Line]:
        """The next lines; they stay until `advance`."""
        try:
            data = self._next_bytes()
        except OSError as error:
            logger.warning("log lines in %s cannot be read and are lost: %s", self.path, error)
            data, self._peeked = b"", self._size
        return [line for packed in data.splitlines() if (line := _unpacked(packed))]

    def advance(self) -> None:
        """What `peek` gave is in the database. The file goes when it holds nothing more."""
        self._read = self._peeked
        if not self.has_lines:
            self.path.unlink(missing_ok=True)
            self.release()

    def release(self) -> None:
        """Let go of the file: whoever finds it may have it."""
        if self._file is not None:
            os.close(self._file)
        self._file, self._size, self._read, self._peeked = None, 0, 0, 0

    def adopt(self) -> bool:
        """Take over a file that another process left. False when that process lives, or the file is gone."""
        try:
            self._file = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._size = os.fstat(self._file).st_size
        except OSError:
            self.release()
        if not (self.has_lines and self.path.exists()):  # its owner may have emptied it between our two steps
            self.release()
        return self.has_lines

    def _open(self) -> int:
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._file

    def _next_bytes(self) -> bytes:
        """Whole lines, at least one; at the end of the file also what a crash left of one."""
        left, wanted = self._size - self._read, READ_BYTES
        while True:
            data = os.pread(self._open(), min(wanted, left), self._read)
            end = len(data) if wanted >= left else data.rfind(b"\n") + 1
            if end:
                self._peeked = self._read + end
                return data[:end]
            wanted *= 2


def left_behind(folder: Path, *, max_bytes: int) -> Iterator[Spill]:
    """The files of processes that are gone, each now locked by us."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        spill = Spill(folder, path.name.removesuffix(SUFFIX), max_bytes=max_bytes)
        if spill.adopt():
            yield spill


def _packed(line: Line) -> bytes:
    return json.dumps([*line[:5], line.timestamp.isoformat(), *line[6:]]).encode() + b"\n"


def _unpacked(packed: bytes) -> Line | None:
    """None for a line that a crash cut off."""
    try:
        line = Line._make(json.loads(packed))
        return line._replace(timestamp=datetime.fromisoformat(str(line.timestamp)))
    except (ValueError, TypeError):
        logger.warning("a log line of %d bytes was cut off by a crash and is lost", len(packed))
        return None
