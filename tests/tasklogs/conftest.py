"""Handlers that log, run by the engine in this process."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from executions.models import Execution
from pulse import engine, services
from tasklogs.models import TaskLog


@pytest.fixture
def perform(make_handler: Callable[..., Any]) -> Callable[..., Execution]:
    """`perform(function)`: a job whose handler is `function`, run to its end; its execution."""

    def perform(function: Callable[[Any], Any], **options: Any) -> Execution:
        make_handler(function, **options)
        job = services.enqueue("test.work")
        engine.perform(job.pk, worker_id="w1", worker_name="w1@here")
        return Execution.objects.filter(job_id=job.pk).latest("started_at")

    return perform


@pytest.fixture
def lines_of() -> Callable[[Execution], list[TaskLog]]:
    def lines_of(execution: Execution) -> list[TaskLog]:
        return list(TaskLog.objects.filter(execution_id=execution.pk).order_by("seq"))

    return lines_of


@pytest.fixture
def database_away(transactional_db: None) -> Callable[[], AbstractContextManager[None]]:
    """`with database_away():` nobody but this test's own connection reaches the database."""

    @contextmanager
    def away() -> Iterator[None]:
        name = connection.ops.quote_name(connection.settings_dict["NAME"])
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            try:
                yield
            finally:
                cursor.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")

    return away


@pytest.fixture
def spill_dir(tmp_path: Path, settings: Settings) -> Path:
    settings.PULSE_LOG_SPILL_DIR = tmp_path / "spill"
    return tmp_path / "spill"
