"""The clock everything asks, so that a test can set it."""

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, aware, UTC."""
    return datetime.now(UTC)
