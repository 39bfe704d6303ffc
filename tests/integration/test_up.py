"""`manage.py up`, run for real: what it starts, keeps running, and leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest
import requests

from pulse_project.embedded.waiting import wait_until
from tests.live import OF_THE_TESTS, PROJECT, STOP_TIMEOUT_S, Up, log_in, login_of


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    """One that runs for the tests of this file, which kill parts of it and see them come back."""
    with Up(tmp_path_factory.mktemp("up") / "data", "--concurrency", "2") as up:
        up.wait_until_ready()
        yield up


def answers(up: Up) -> bool:
    try:
        return requests.get(f"{up.base_url}/healthz/", timeout=2).status_code == 200
    except requests.RequestException:
        return False


def ask_for_job(session: requests.Session, up: Up, handler: str, **payload: object) -> str:
    """Returns the job's address."""
    asked = {"handler_name": handler, "payload": payload}
    answer = session.post(f"{up.base_url}/api/pulse/jobs/", json=asked, timeout=10)
    assert answer.status_code == 201, answer.text
    return f"{up.base_url}/api/pulse/jobs/{answer.json()['id']}/"


def wait_for_status(session: requests.Session, job: str, status: str) -> None:
    def found() -> dict[str, object]:
        body: dict[str, object] = session.get(job, timeout=10).json()
        return body

    assert wait_until(lambda: found()["status"] == status, timeout_s=30), found()


def manage(up: Up, *words: str) -> str:
    """A management command in another terminal: it knows the data folder, not the servers."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}
    command = [sys.executable, "manage.py", *words]
    finished = subprocess.run(
        command,
        cwd=PROJECT,
        env={**environment, "PULSE_DATA_DIR": str(up.data)},
        capture_output=True,
        text=True,
        check=True,
    )
    return finished.stdout


def test_each_step_is_said_with_its_time_and_then_address_login_and_data(up: Up) -> None:
    for step in ("PostgreSQL 18.6", "Valkey 9.1.2", "Tables", "Web", "Worker", "Beat"):
        assert re.search(rf"^✓ {step} \(.*\d\.\d s\)$", up.output, re.MULTILINE), step
    assert f"Pulse runs at  {up.base_url}/\n" in up.output
    assert f"Data           {up.data}  (logs in {up.data}/logs)\n" in up.output
    assert re.search(r"^Log in +admin / \S{16}  \(shown only this once\)$", up.output, re.MULTILINE)


def test_the_printed_login_works(up: Up) -> None:
    assert log_in(up.base_url, *login_of(up)).get(f"{up.base_url}/admin/", timeout=10).status_code == 200


def test_it_listens_on_loopback_only(up: Up) -> None:
    listening = {
        connection.laddr.ip
        for process in up.processes()
        for connection in process.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


def test_no_password_stands_on_a_command_line_or_in_a_file_others_can_read(up: Up) -> None:
    announced = (up.data / "services.env").read_text()
    passwords = set(re.findall(r":([^:@/]+)@", announced))
    assert len(passwords) == 2
    lines = [" ".join(process.cmdline()) for process in up.processes()]
    assert not [line for line in lines if any(password in line for password in passwords)]
    holding = [up.data / "services.env", up.data / "postgres" / "password", up.data / "valkey" / "valkey.conf"]
    assert [oct(path.stat().st_mode & 0o777) for path in holding] == ["0o600"] * 3


def test_another_terminal_finds_the_servers(up: Up) -> None:
    counted = manage(
        up, "shell", "--no-imports", "-c", "from pulse.models import Worker; print(Worker.objects.count())"
    )
    assert int(counted) >= 1


def test_a_second_one_on_the_same_folder_is_refused(up: Up) -> None:
    with Up(up.data) as second:
        assert second.exit_code() == 1
    assert second.output == (
        f"✗ Pulse already runs on the data folder {up.data} (process {up.child.pid}): "
        "stop it first, or choose another folder with PULSE_DATA_DIR.\n"
    )
    assert answers(up)


def test_a_busy_port_is_refused(up: Up) -> None:
    with Up(up.data.with_name("other"), port=up.port) as second:
        assert second.exit_code() == 1
    why = "another program listens there"
    assert second.output == f"✗ Port {up.port} cannot be used ({why}): choose another with --port or PULSE_PORT.\n"


@pytest.mark.parametrize(
    ("name", "words"),
    [("web", "uvicorn"), ("worker", "celery -A pulse_project worker"), ("beat", "celery -A pulse_project beat")],
)
def test_a_killed_process_is_started_again_and_that_is_said(up: Up, name: str, words: str) -> None:
    killed = up.process(words)
    left = [killed, *killed.children(recursive=True)]
    killed.kill()
    up.wait_until_it_says(f"! {name} was ended by SIGKILL: started again in 0.5 s. Log: {up.data}/logs/{name}.log")
    assert not psutil.wait_procs(left, timeout=5)[1], "its children outlived it"
    assert wait_until(lambda: any(words in " ".join(p.cmdline()) for p in up.processes()), timeout_s=10)
    assert wait_until(lambda: answers(up), timeout_s=20)


@pytest.mark.parametrize(("name", "words"), [("PostgreSQL", "bin/postgres -D"), ("Valkey", "valkey-server")])
def test_a_killed_server_is_started_again_and_jobs_run_again(up: Up, name: str, words: str) -> None:
    session = log_in(up.base_url, *login_of(up))
    up.process(words).kill()
    up.wait_until_it_says(f"! {name} was ended by SIGKILL: started again in 0.5 s.")
    assert wait_until(lambda: answers(up), timeout_s=30), up.output
    wait_for_status(session, ask_for_job(session, up, "pulse.noop"), "completed")


def test_stopped_or_killed_it_leaves_no_process_and_the_next_start_has_the_data(up: Up) -> None:
    """Last of this file: it stops the one that the tests before it share."""
    login = login_of(up)
    session = log_in(up.base_url, *login)
    job = ask_for_job(session, up, "pulse.sleep", seconds=60)
    wait_for_status(session, job, "running")
    began = time.monotonic()
    assert up.interrupt() == 0
    assert time.monotonic() - began < STOP_TIMEOUT_S
    assert up.processes() == []
    assert not (up.data / "services.env").exists()
    assert up.output.endswith("Pulse has stopped. The data stays where it is.\n")

    up.start()
    up.wait_until_ready()
    assert "Log in         as before\n" in up.output
    assert log_in(up.base_url, *login).get(job, timeout=10).json()["status"] in {"queued", "running"}
    children = up.processes()
    up.kill()
    assert not psutil.wait_procs(children, timeout=10)[1], "children outlived the kill -9"

    up.start()
    up.wait_until_ready()
    log_in(up.base_url, *login)
    up.child.send(signal.SIGTERM)
    assert up.exit_code() == 0
    assert up.processes() == []
