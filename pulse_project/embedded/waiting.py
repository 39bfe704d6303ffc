"""Waiting for another process, with a deadline."""

import time
from collections.abc import Callable

LOOK_EVERY_S = 0.03


def wait_until(ready: Callable[[], object], *, timeout_s: float, every_s: float = LOOK_EVERY_S) -> bool:
    """Ask `ready` until it says yes. False when `timeout_s` seconds passed first."""
    deadline = time.monotonic() + timeout_s
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
