"""All of Pulse for real: `manage.py up` in processes of its own, with its own servers and data folder.

`live_stack` is one that runs for the whole session, shared by the integration and browser tests: leave it running.
A test that stops or kills makes an `Up` of its own.
"""

import os
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psutil
import pytest
import requests

from pulse_project.embedded.ports import LOOPBACK, free_port
from pulse_project.embedded.process import Child
from pulse_project.embedded.waiting import wait_until

PROJECT = Path(__file__).resolve().parent.parent
OF_THE_TESTS = {"DATABASE_URL", "REDIS_URL", "CELERY_BROKER_URL", "PULSE_DATA_DIR", "DJANGO_ALLOW_ASYNC_UNSAFE"}
READY = "Ctrl+C stops it."
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0  # what `manage.py up` promises


class Up:
    """One `manage.py up --bare` on a free port; `words` are more of its options, `variables` of its environment."""

    def __init__(self, data: Path, *words: str, port: int | None = None, **variables: str) -> None:
        self.data = data
        self.port = port or free_port()
        inherited = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}
        self.child = Child(
            "manage.py up",
            [sys.executable, "manage.py", "up", "--bare", "--port", str(self.port), *words],
            log=data.with_name(f"{data.name}-up-{self.port}.log"),
            environment={**inherited, "PULSE_DATA_DIR": str(data), **variables},
            folder=PROJECT,
        )

    def __enter__(self) -> "Up":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.child.is_running():
            self.interrupt()

    @property
    def base_url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    @property
    def output(self) -> str:
        """All it said, of earlier starts too."""
        return self.child.log.read_text()

    def start(self) -> None:
        self.ready_before = self.output.count(READY) if self.child.log.exists() else 0
        self.child.start()

    def is_ready(self) -> bool:
        return self.output.count(READY) > self.ready_before

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.is_ready() or not self.child.is_running(), timeout_s=START_TIMEOUT_S)
        assert self.is_ready(), self.output

    def wait_until_it_says(self, text: str, *, timeout_s: float = 20.0) -> None:
        assert wait_until(lambda: text in self.output, timeout_s=timeout_s), self.output

    def interrupt(self) -> int:
        """Ctrl+C, and wait as long as it may take. Returns the exit code."""
        self.child.send(signal.SIGINT)
        assert self.child.ended(STOP_TIMEOUT_S), self.output
        return self.exit_code()

    def exit_code(self) -> int:
        """Of one that ends by itself."""
        assert self.child.ended(START_TIMEOUT_S), self.output
        code = self.child.exit_code()
        assert code is not None
        return code

    def kill(self) -> None:
        """As `kill -9`, which leaves it no time to stop anything."""
        self.child.send(signal.SIGKILL)
        assert self.child.ended(5.0)

    def processes(self) -> list[psutil.Process]:
        """Every process of the machine that works on this data folder."""
        return [process for process in psutil.process_iter() if works_on(process, self.data)]

    def process(self, words: str) -> psutil.Process:
        """The oldest one whose command line holds `words`."""
        found = [process for process in self.processes() if words in " ".join(process.cmdline())]
        return min(found, key=lambda process: process.create_time())


def works_on(process: psutil.Process, data: Path) -> bool:
    """By its environment, or (Valkey writes its title over that) by where it is."""
    try:
        return process.environ().get("PULSE_DATA_DIR") == str(data) or Path(process.cwd()).is_relative_to(data)
    except psutil.Error:
        return False  # somebody else's, or no more


@dataclass
class LiveStack:
    up: Up
    username: str
    password: str

    @property
    def base_url(self) -> str:
        """Such as http://127.0.0.1:23456, without a slash at the end."""
        return self.up.base_url

    @property
    def data(self) -> Path:
        return self.up.data

    @cached_property
    def session(self) -> requests.Session:
        """Logged in as the administrator, with the CSRF header that writing needs."""
        return log_in(self.base_url, self.username, self.password)


def log_in(base_url: str, username: str, password: str) -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # no proxy between us and loopback
    page = f"{base_url}/admin/login/"
    session.get(page, timeout=10).raise_for_status()
    form = {"username": username, "password": password, "csrfmiddlewaretoken": session.cookies["csrftoken"]}
    session.post(page, data=form, timeout=10).raise_for_status()
    assert "sessionid" in session.cookies, "the login was refused"
    session.headers["X-CSRFToken"] = session.cookies["csrftoken"]
    return session


def login_of(up: Up) -> tuple[str, str]:
    """User name and password, from what a first start said."""
    said = re.search(r"^Log in +(\S+) / (\S+) ", up.output, re.MULTILINE)
    assert said, up.output
    return said[1], said[2]


@pytest.fixture(scope="session")
def live_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveStack]:
    """Runs until the session ends. Its `http.request` handler may call this machine."""
    data = tmp_path_factory.mktemp("live") / "data"
    with Up(data, PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES="1") as up:
        up.wait_until_ready()
        yield LiveStack(up, *login_of(up))
