"""PostgreSQL from its wheel: as whom it runs, and what it finds when it starts."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from pulse_project.embedded import accounts, leftovers
from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.postgres import FOR_TESTS, Postgres, reason

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to run it as somebody else")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for this file: making a data folder takes a second."""
    return tmp_path_factory.mktemp("embedded") / "postgres"


@pytest.fixture
def postgres(folder: Path) -> Iterator[Postgres]:
    server = Postgres(folder, settings=FOR_TESTS)
    server.start()
    password = server.password_file.read_text()
    yield server
    server.stop()
    server.password_file.write_text(password)


def rows(server: Postgres, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url) as connection:
        return connection.execute(query).fetchall()


def test_the_application_is_no_superuser_but_may_make_databases(postgres: Postgres) -> None:
    query = "SELECT rolname, rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
    assert rows(postgres, query) == [("pulse", False, True)]


def test_text_sorts_and_reads_the_same_on_every_machine(postgres: Postgres) -> None:
    query = "SELECT pg_encoding_to_char(encoding), datlocprovider, datlocale FROM pg_database WHERE datname = 'pulse'"
    assert rows(postgres, query) == [("UTF8", "b", "C.UTF-8")]


def test_its_data_is_there_after_a_stop_and_after_a_kill(postgres: Postgres) -> None:
    with psycopg.connect(postgres.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    for end in (postgres.stop, lambda: postgres.child.send(signal.SIGKILL)):
        end()
        assert postgres.child.ended(10)
        postgres.start()
        assert rows(postgres, "SELECT number FROM kept") == [(7,)]


def test_a_start_waits_for_the_server_that_a_killed_parent_left(postgres: Postgres, folder: Path) -> None:
    """The first one still runs in the folder; the start ends it, since the folder's lock is ours."""
    second = Postgres(folder, settings=FOR_TESTS)
    second.start()
    try:
        assert postgres.child.ended(1)
        assert rows(second, "SELECT 1") == [(1,)]
    finally:
        second.stop()


def test_a_lock_file_with_the_process_id_of_somebody_else_is_forgotten(postgres: Postgres) -> None:
    """As in a container, where every start gives the same ids to other programs."""
    postgres.stop()
    (postgres.data / "postmaster.pid").write_text(f"{psutil.Process().pid}\n{postgres.data}\n")
    postgres.start()
    assert rows(postgres, "SELECT 1") == [(1,)]


def test_a_lock_file_that_makes_no_sense_names_no_process(tmp_path: Path) -> None:
    (tmp_path / "postmaster.pid").write_text("")
    assert leftovers.pid_in(tmp_path / "postmaster.pid") is None


def test_a_lost_password_is_said(postgres: Postgres) -> None:
    postgres.stop()
    postgres.password_file.unlink()
    with pytest.raises(CannotStart, match="password cannot be read: restore it, or move the data folder away"):
        postgres.start()


def test_a_wrong_password_is_said(postgres: Postgres) -> None:
    postgres.stop()
    postgres.password_file.write_text("another")
    with pytest.raises(CannotStart, match="PostgreSQL does not accept the password in "):
        postgres.start()


@NEEDS_ROOT
def test_root_without_namespaces_runs_it_as_nobody_from_copies_that_nobody_can_reach() -> None:
    """The data folder lies where `nobody` may not go, as does root's own environment in most places."""
    with tempfile.TemporaryDirectory() as closed:
        assert Path(closed).stat().st_mode & 0o777 == 0o700
        server = Postgres(Path(closed) / "postgres", settings=FOR_TESTS, account=accounts.nobody())
        try:
            server.start()
            assert psutil.Process(server.child.pid).uids().effective == accounts.NOBODY_ID
            assert server.home.parent == accounts.SHARED_FOLDER
            assert rows(server, "SELECT 1") == [(1,)]
        finally:
            server.stop()
            subprocess.run(["rm", "-rf", server.home], check=True)


@NEEDS_ROOT
def test_root_may_pass_only_what_is_its_own_or_open_to_all(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    assert accounts.NAMESPACE.may(closed, 0o1)
    assert not accounts.nobody().may(closed, 0o1)
    os.chown(closed, 12345, 12345)
    assert not accounts.NAMESPACE.may(closed, 0o1)
    assert accounts.MYSELF.may(closed, 0o1)


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("2026-01-01 LOG:  starting\n2026-01-01 FATAL:  lock file is empty\n", "lock file is empty"),
        (
            "initdb: error: could not create directory: No space left\ninitdb: removing",
            "could not create directory: No space left",
        ),
        ("could not find it\nExpected it there.\n", "could not find it Expected it there"),
        ("", "no reason given"),
    ],
)
def test_the_reason_is_the_last_grave_line_or_else_all(output: str, said: str) -> None:
    assert reason(output) == said
