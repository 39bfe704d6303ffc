"""Pytest plugin: lets tests that print anything at all run in several processes (`-n 2`)."""

from collections.abc import Generator
from typing import Any

import pytest


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, dict[str, Any] | None, Any]:
    """What a test printed travels as UTF-8, and a process that cannot encode it would die."""
    return encodable((yield))


def encodable(value: Any) -> Any:
    """`value` with each half of a surrogate pair in all its texts written as an escape."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(name): encodable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(encodable(item) for item in value)
    return value
