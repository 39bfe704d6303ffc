"""Executions made by the engine, and a browser that is logged in."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from executions.models import Execution
from pulse import clock


@pytest.fixture
def api(db: None) -> Client:
    """A client of the API, logged in as an administrator."""
    client = Client()
    client.force_login(get_user_model().objects.create_superuser("ada"))
    return client


@pytest.fixture
def make_execution(db: None) -> Callable[..., Execution]:
    """A row as the recorder leaves it: `make_execution(status="failed", minutes_ago=3)`."""

    def make(*, minutes_ago: float = 0, status: str = "completed", **fields: Any) -> Execution:
        started_at = clock.now() - timedelta(minutes=minutes_ago)
        ended: dict[str, datetime | int] = {}
        if status != "running":
            ended = {"completed_at": started_at + timedelta(seconds=2), "duration_ms": 2000}
        known = {"handler_name": "test.work", "started_at": started_at, "status": status} | ended
        return Execution.objects.create(**known | fields)

    return make
