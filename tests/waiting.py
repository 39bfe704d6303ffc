"""Waiting for a condition, with a deadline."""

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(look: Callable[[], T], timeout_s: float = 15.0) -> T:
    """What `look` returns once it is true. Fails when it never is."""
    deadline = time.monotonic() + timeout_s
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s in vain; last seen: {found!r}"
        time.sleep(0.02)
    return found
