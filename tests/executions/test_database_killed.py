"""PostgreSQL is killed under a real worker that runs and logs: the runs end well, and all they said is there."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pulse.ids import job_id
from pulse_project.embedded.postgres import Postgres
from tests.waiting import wait_for
from tests.workers import QUEUE, ROOT, Worker, broker_of, worker


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of our own, which may be killed; crash-safe, unlike the tests' common one."""
    server = Postgres(tmp_path_factory.mktemp("postgres") / "own")
    server.start()
    environment = {**os.environ, "DATABASE_URL": server.url}
    subprocess.run([sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env=environment, check=True)
    yield server
    server.stop()


def kill(server: Postgres) -> None:
    """As by kill -9 of the whole server."""
    pid = int((server.data / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: not server.child.is_running())


def rows(server: Postgres, query: str, *given: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        return connection.execute(query, given).fetchall()


def ask(server: Postgres, own: Worker, handler_name: str, payload: str) -> str:
    """A job, written as `services.enqueue` does, in the database that this process's Django does not know."""
    made = job_id()
    script = (
        "import django; django.setup()\n"
        "from pulse.models import Job\n"
        f"Job.objects.create(id={made!r}, handler_name={handler_name!r}, payload={payload}, queue={QUEUE!r})"
    )
    environment = {**os.environ, "DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "pulse_project.settings"}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True)
    own.publish(handler_name, made)
    return made


def lines(server: Postgres, execution: str) -> list[str]:
    found = rows(server, "SELECT seq, message FROM task_logs WHERE execution_id = %s ORDER BY seq", execution)
    assert [seq for seq, _ in found] == list(range(1, len(found) + 1))
    return [message for _, message in found]


def test_a_handler_and_a_task_outlive_their_database_and_say_all(postgres: Postgres, tmp_path: Path) -> None:
    flag = tmp_path / "go"
    with worker(tmp_path, broker=broker_of(11), DATABASE_URL=postgres.url) as own:
        job = ask(postgres, own, "workload.wait", repr({"flag": str(flag)}))
        task = own.send("tests.workload.tasks.wait", str(flag))
        began = "SELECT id FROM pulse_executions WHERE job_id = %s OR celery_task_id = %s ORDER BY job_id NULLS LAST"
        wait_for(lambda: len(rows(postgres, began, job, task)) == 2)
        (of_job,), (of_task,) = rows(postgres, began, job, task)
        wait_for(lambda: len(lines(postgres, of_job)) > 20)

        kill(postgres)
        before = own.log.read_text().count("pulse.run: tick")
        wait_for(lambda: own.log.read_text().count("pulse.run: tick") > before + 100)
        flag.touch()
        wait_for(lambda: "which cannot be written now" in own.log.read_text())
        postgres.start()

        ended = "SELECT status, result_summary FROM pulse_executions WHERE id = %s AND status <> 'running'"
        ((status, ticks),) = wait_for(lambda: rows(postgres, ended, of_job), timeout_s=40)
        assert status == "completed", own.log.read_text()[-3000:]
        assert wait_for(lambda: rows(postgres, ended, of_task), timeout_s=40) == [("completed", None)]
        assert rows(postgres, "SELECT status FROM pulse_job WHERE id = %s", job) == [("completed",)]

        said = [f"tick {number}" for number in range(int(ticks))]
        wait_for(lambda: len(lines(postgres, of_job)) == len(said) + 2)
        assert lines(postgres, of_job)[1:-1] == said
        wait_for(lambda: lines(postgres, of_task)[-1].startswith("Completed in "))
        assert set(lines(postgres, of_task)[1:-1]) == {"waiting"}


def test_a_task_that_begins_and_ends_without_a_database_is_in_the_history_afterwards(
    postgres: Postgres, tmp_path: Path
) -> None:
    with worker(tmp_path, broker=broker_of(12), DATABASE_URL=postgres.url) as own:
        kill(postgres)
        task = own.send("tests.workload.tasks.add", 1, 2)
        wait_for(lambda: f"{task}] succeeded" in own.log.read_text())
        postgres.start()
        query = (
            "SELECT id, status, duration_ms FROM pulse_executions WHERE celery_task_id = %s AND status <> 'running'"
        )
        ((execution, status, duration_ms),) = wait_for(lambda: rows(postgres, query, task))
        assert status == "completed"
        assert duration_ms < 10_000  # what it took, not how long the database was away
        wait_for(lambda: len(lines(postgres, execution)) == 4)
        assert lines(postgres, execution)[1:3] == ["adding", "printed by a task"]
