"""This thread's database connection after a fault."""

from django.db import connection


def drop_if_broken() -> None:
    """Let go of a connection that no longer works, so that the next use opens a new one.

    A transaction that somebody has open is theirs: its connection is left alone, broken or not.
    """
    if connection.connection is not None and connection.autocommit and not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
