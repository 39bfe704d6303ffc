"""What a killed `manage.py up` leaves behind in PostgreSQL's data folder.

The caller holds the data folder's lock: nobody else may rightly run a server there.
"""

import os
import signal
from pathlib import Path

from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.waiting import wait_until

LEAVE_TIMEOUT_S = 15.0


def clear(data: Path) -> None:
    """Wait for a server that still shuts down; forget a lock file whose process id is now somebody else's.

    A lock file with a dead process id stays: PostgreSQL knows what to do with it, and checks more with it.
    """
    lock = data / "postmaster.pid"
    pid = pid_in(lock)
    if pid is None:
        return
    if works_in(pid, data):
        end(pid, data)
    elif is_alive(pid) and not anyone_works_in(data):
        lock.unlink(missing_ok=True)


def end(pid: int, data: Path) -> None:
    """It was told to stop when its parent died. Past the time-out it is told again, more firmly."""
    for stop_signal in (None, signal.SIGINT, signal.SIGQUIT):
        if stop_signal is not None:
            os.kill(pid, stop_signal)
        if wait_until(lambda: not works_in(pid, data), timeout_s=LEAVE_TIMEOUT_S / 3):
            return
    raise CannotStart(
        f"A PostgreSQL (process {pid}) still runs on {data}: stop it with `kill {pid}` and start again."
    )


def pid_in(lock: Path) -> int | None:
    try:
        return abs(int(lock.read_text().splitlines()[0]))
    except (OSError, ValueError, IndexError):
        return None


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def works_in(pid: int, data: Path) -> bool:
    """Whether that process runs in the data folder, as all of PostgreSQL's do. Zombies do not."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data.resolve()
    except OSError:
        return False


def anyone_works_in(data: Path) -> bool:
    return any(works_in(int(entry.name), data) for entry in Path("/proc").iterdir() if entry.name.isdigit())
