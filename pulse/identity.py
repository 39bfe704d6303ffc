"""Which worker this process belongs to."""

import os
import secrets
import socket

_identity = ""


def worker_id() -> str:
    """The id of this worker's row: host, pid of the main process and a random part, never used twice.

    It is made in the main process, before the pool forks; the pool's processes inherit it.
    """
    global _identity  # noqa: PLW0603
    if not _identity:
        _identity = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    return _identity
