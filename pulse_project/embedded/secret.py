"""Passwords in files that only their owner can read."""

import secrets
from pathlib import Path

from pulse_project.embedded.errors import CannotStart


def write_private(path: Path, text: str) -> None:
    """Put `text` there whole or not at all, readable by the owner only from its first byte."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def make_password(path: Path) -> str:
    """A new random password, kept at `path`."""
    password = secrets.token_urlsafe(24)
    write_private(path, password)
    return password


def read_password(path: Path) -> str:
    """Raises CannotStart when the file is gone or empty."""
    try:
        password = path.read_text()
    except OSError as fault:
        raise CannotStart(f"The password file {path} cannot be read: {NEXT}.") from fault
    if not password:
        raise CannotStart(f"The password file {path} is empty: {NEXT}.")
    return password


NEXT = "restore it, or move the data folder away to start with an empty one"
