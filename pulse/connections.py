"""This thread's database connection: after a fault, and in threads that others started."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


def drop_if_broken() -> None:
    """Let go of a connection that no longer works, so that the next use opens a new one.

    A transaction that somebody has open is theirs: its connection is left alone, broken or not.
    """
    if connection.connection is not None and connection.autocommit and not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()


@contextmanager
def borrowed() -> Iterator[None]:
    """Where this thread had no connection, it has none afterwards: a handler's threads leave none open."""
    was_open = connection.connection is not None
    try:
        yield
    finally:
        if not was_open and not connection.in_atomic_block:
            connection.close()
