"""Which worker this process belongs to."""

import mmap
import os
import secrets
import socket

_identity = ""
_stopping = mmap.mmap(-1, 1)  # one byte that the main process shares with the pool's processes it forks


def worker_id() -> str:
    """The id of this worker's row: host, pid of the main process and a random part, never used twice.

    It is made in the main process, before the pool forks; the pool's processes inherit it.
    """
    global _identity  # noqa: PLW0603
    if not _identity:
        _identity = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    return _identity


def announce_stop() -> None:
    """Tell all processes of this worker that it is about to stop."""
    _stopping[0] = 1


def is_stopping() -> bool:
    return _stopping[0] == 1
