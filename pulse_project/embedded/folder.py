"""The data folder: fit to be used, used by one `manage.py up` at a time, with a note where the servers are."""

import fcntl
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pulse_project.embedded.accounts import NOBODY_ID
from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.secret import write_private

FREE_MB = 200  # an empty PostgreSQL takes 70, and it needs air to write
ELSEWHERE = "or choose another folder with PULSE_DATA_DIR"


def check(folder: Path, *, free_mb: int = FREE_MB) -> None:
    """Make the folder if need be. Raises CannotStart when it cannot be written or has no room."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        check_owner(folder)
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"can be written")
    except OSError as fault:
        raise CannotStart(
            f"The data folder {folder} cannot be used ({fault.strerror}): mend that, {ELSEWHERE}."
        ) from None
    free = shutil.disk_usage(folder).free // 1_000_000
    if free < free_mb:
        raise CannotStart(
            f"The data folder {folder} has {free} MB free, Pulse needs {free_mb}: make room, {ELSEWHERE}."
        )


def check_owner(folder: Path) -> None:
    """Root must not take over what belongs to an ordinary user, who could not start Pulse any more."""
    used = folder / "postgres"
    owner = used.stat().st_uid if used.exists() else os.geteuid()
    mine = {0, NOBODY_ID} if os.geteuid() == 0 else {os.geteuid()}
    if owner not in mine:
        raise CannotStart(
            f"The data folder {folder} belongs to {name_of(owner)}: start Pulse as that user, {ELSEWHERE}."
        )


def name_of(uid: int) -> str:
    try:
        return f"the user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user id {uid}"


@contextmanager
def only_us(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which the system takes back however we end. Raises CannotStart when it is held."""
    with (folder / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            raise CannotStart(
                f"Pulse already runs on the data folder {folder} (process {holder}): stop it first, {ELSEWHERE}."
            ) from None
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


@contextmanager
def announced(file: Path, servers: Mapping[str, str]) -> Iterator[None]:
    """While this lasts, `file` tells other processes of this user where the servers are: settings reads it."""
    write_private(file, "".join(f"{name}={url}\n" for name, url in servers.items()))
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
