"""Pytest plugin: PostgreSQL and Valkey of the tests' own, unless DATABASE_URL names a server to use.

Loaded by `-p tests.embedded` so that the addresses stand in the environment before Django reads its settings.
Both servers end with pytest, also when it is killed. Under `-n`, each of its processes has servers of its own.
"""

import atexit
import os
import shutil
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

from pulse_project.embedded.postgres import FOR_TESTS, Postgres
from pulse_project.embedded.valkey import Valkey

OURS = "PULSE_TESTS_STARTED_SERVERS"  # in the environment of a process that a pytest with servers started


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests() -> Generator[None, None, None]:
    """Before pytest-django's hook of the same name, which reads the settings."""
    if "DATABASE_URL" not in os.environ or OURS in os.environ:
        start_servers(Path(tempfile.mkdtemp(prefix="pulse-tests-")))
    return (yield)


def start_servers(folder: Path) -> None:
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    postgres = Postgres(folder / "postgres", settings=FOR_TESTS)
    valkey = Valkey(folder / "valkey", keeps_data=False)
    for server in (postgres, valkey):
        server.start()
        atexit.register(server.stop)
    os.environ.update(
        {OURS: "1"},
        PULSE_DATA_DIR=str(folder),
        DATABASE_URL=postgres.url,
        REDIS_URL=valkey.url,
        CELERY_BROKER_URL=valkey.url,
    )
