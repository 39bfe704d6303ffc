"""Ids: prefix, `_`, 16 unguessable base32 characters, `_`, unix seconds. Sort rows by their time, not by id."""

import base64
import re
import secrets
from typing import Final

from pulse import clock

JOB: Final = "JB"
EXECUTION: Final = "PX"
SCHEDULE: Final = "SP"

MAX_LENGTH: Final = 40
PATTERN: Final = re.compile(r"(JB|PX|SP)_[a-z2-7]{16}_\d{10,}\Z")


def new_id(prefix: str) -> str:
    """A fresh id such as `PX_k3v7q2m5x4a6b7c2_1733450123`: 80 random bits, then the unix second it was made."""
    random = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return f"{prefix}_{random}_{int(clock.now().timestamp())}"


def job_id() -> str:
    return new_id(JOB)


def execution_id() -> str:
    return new_id(EXECUTION)


def schedule_id() -> str:
    return new_id(SCHEDULE)


def normal(given: str) -> str:
    """The id as it is stored: schedules are also accepted as `SPJ_...`."""
    return f"{SCHEDULE}_{given.removeprefix('SPJ_')}" if given.startswith("SPJ_") else given
