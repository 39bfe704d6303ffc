"""Child processes that do not outlive this one."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
SAID_BYTES = 8_000
LOG_KEPT_BYTES = 10_000_000  # a longer log is set aside as `.old` when its process starts


def die_with_parent(parent_pid: int, stop_signal: signal.Signals) -> None:
    """Ask Linux to send `stop_signal` to this process when the thread that made it ends, by kill -9 too.

    To be called in the child, after its last change of user: that change would forget it.
    """
    if sys.platform != "linux":
        return
    LIBC.prctl(PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
    if os.getppid() != parent_pid:  # it died before we could ask
        os._exit(1)


@dataclass(eq=False)
class Child:
    """One foreground process with its log file. Start it from the main thread: Linux watches the thread."""

    name: str
    command: Sequence[str | Path]
    log: Path
    orphan_signal: signal.Signals = signal.SIGKILL  # what it gets when this process dies
    stop_signals: Sequence[tuple[signal.Signals, float]] = ((signal.SIGTERM, 5.0),)  # each with seconds to obey
    environment: Mapping[str, str] | None = None  # None: this process's own
    folder: Path = Path("/")  # its working directory
    enter: Callable[[], None] = lambda: None  # run in the child first
    account: Mapping[str, Any] = field(default_factory=dict)  # Popen's user, group, extra_groups
    process: subprocess.Popen[bytes] | None = None
    said_before: int = 0  # bytes of the log that stem from earlier starts

    def start(self) -> None:
        set_aside(self.log)
        parent_pid = os.getpid()

        def prepare() -> None:
            self.enter()
            die_with_parent(parent_pid, self.orphan_signal)

        with self.log.open("ab") as log:
            self.said_before = log.tell()
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl+C at the terminal reaches only us: we stop all in order
                preexec_fn=prepare,  # noqa: PLW1509  no threads here: the supervisor's is the only one
                **self.account,
            )

    @property
    def pid(self) -> int:
        """0 before the start."""
        return self.process.pid if self.process else 0

    def exit_code(self) -> int | None:
        """None while it runs; negative: the signal that ended it."""
        return self.process.poll() if self.process else None

    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """Ask it to stop, more and more firmly, then end what it left. Harmless when it does not run."""
        if self.process is None:
            return
        for stop_signal, patience_s in self.stop_signals:
            self.send(stop_signal)
            if self.ended(patience_s):
                break
        self.end_group()

    def send(self, stop_signal: signal.Signals) -> None:
        if self.process and self.process.poll() is None:
            self.process.send_signal(stop_signal)

    def ended(self, timeout_s: float) -> bool:
        """Wait for the end. False when it still runs after `timeout_s` seconds."""
        if self.process is None:
            return True
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def end_group(self) -> None:
        """Kill the process and the children it left (its pid is its group's id, since it leads a session)."""
        if self.process is None:
            return
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def said(self) -> str:
        """What it has written to its log since its last start; of much the end."""
        with self.log.open("rb") as log:
            length = log.seek(0, os.SEEK_END)
            log.seek(max(self.said_before, length - SAID_BYTES))
            return log.read().decode(errors="replace")

    def last_words(self) -> str:
        """Its last line, for an error message."""
        return (self.said().strip().splitlines() or ["it said nothing"])[-1].strip()


def set_aside(log: Path) -> None:
    """Keep a log from growing for ever: one that is long starts anew, the old one stays beside it."""
    log.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > LOG_KEPT_BYTES:
        log.replace(log.with_suffix(".log.old"))
