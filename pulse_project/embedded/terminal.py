"""What `manage.py up` says at the terminal, line by line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TextIO


@dataclass
class Step:
    """Something under way; `title` may be sharpened before it is done, `note` says more about it."""

    title: str
    note: str = ""


@dataclass
class Terminal:
    out: TextIO

    def say(self, line: str = "") -> None:
        """A terminal that is gone (closed window, ended pipe) must not keep us from stopping in order."""
        with suppress(OSError, ValueError):
            print(line, file=self.out, flush=True)  # noqa: T201  this is the command's screen

    def done(self, title: str, seconds: float, note: str = "") -> None:
        self.say(f"✓ {title} ({f'{note}, ' if note else ''}{seconds:.1f} s)")

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Say what begins, where a person watches, and then that it is done and how long it took."""
        started = time.monotonic()
        step = Step(title)
        self.announce(title)
        yield step
        self.done(step.title, time.monotonic() - started, step.note)

    def announce(self, title: str) -> None:
        """A line that the next one overwrites; nothing in a file or pipe."""
        with suppress(OSError, ValueError):
            if self.out.isatty():
                print(f"… {title}", end="\r", file=self.out, flush=True)  # noqa: T201
