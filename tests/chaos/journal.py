"""Files that many processes append to: what is written is there whole, and stays when its writer is killed.

A line is written by one `write` to a file opened with O_APPEND, so that no two writers ever mix. Times are those of
the machine's one monotonic clock, which all its processes share.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Journal:
    path: Path

    def write(self, **entry: Any) -> None:
        line = json.dumps(entry | {"at_ns": time.monotonic_ns(), "pid": os.getpid()}) + "\n"
        file = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(file, line.encode())
        finally:
            os.close(file)

    def entries(self) -> list[dict[str, Any]]:
        """In the order in which they were written."""
        if not self.path.exists():
            return []
        return [json.loads(line) for line in self.path.read_text().splitlines()]


def runs(folder: Path) -> Journal:
    """What the handlers write: when each try began and ended."""
    return Journal(folder / "runs.jsonl")


def asked(folder: Path) -> Journal:
    """What the asker writes: the jobs that Pulse said it took."""
    return Journal(folder / "asked.jsonl")
