"""Web servers and clients for the socket tests: real processes, real sockets."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final, Self

import psutil
import pytest
from django.db import connection
from websockets import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

ROOT: Final = Path(__file__).parents[2]
START_TIMEOUT_S: Final = 60.0
UVICORN: Final = ("-m", "uvicorn", "pulse_project.asgi:application", "--log-level", "warning", "--port")

# What a test writes is there for the server to see, and the tables of users and sessions are emptied after it.
COMMITTED: Final = pytest.mark.django_db(
    transaction=True,
    available_apps=[f"django.contrib.{app}" for app in ("admin", "auth", "contenttypes", "sessions")],
)


def wait_until(ready: Callable[[], object], timeout_s: float = 10.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not ready():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def database_url() -> str:
    """Of the database that this test run made."""
    settings = connection.settings_dict
    return "postgresql://{USER}:{PASSWORD}@{HOST}:{PORT}/{NAME}".format(**settings)


class Server:
    """A web server in a process of its own."""

    def __init__(self, port: int, stream: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
        self.port = port
        self.stream = stream
        self.process = process
        self.log = log

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def memory_bytes(self) -> int:
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def connect(self, cookie: str = "", **options: Any) -> AbstractContextManager["Client"]:
        return connected(self.port, cookie, **options)


@contextmanager
def connected(
    port: int,
    cookie: str = "",
    *,
    path: str = "/ws/pulse/",
    query: str = "",
    origin: str | None = None,
    **options: Any,
) -> Iterator["Client"]:
    """Shake hands as a page of this server would, unless `origin` says otherwise ("" for no Origin at all)."""
    headers = {"Cookie": f"sessionid={cookie}"} if cookie else {}
    page = f"http://127.0.0.1:{port}" if origin is None else origin
    uri = f"ws://127.0.0.1:{port}{path}{query}"
    options = {"open_timeout": 20, "close_timeout": 1, "max_size": None, **options}
    with connect(uri, additional_headers=headers, origin=page or None, **options) as socket:
        yield Client(socket)


@contextmanager
def running(
    port: int, stream: str, log: Path, *, command: tuple[str, ...] = UVICORN, **environment: str
) -> Iterator[Server]:
    """A server on the test database, from when it listens until the end of the block."""
    env = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "PULSE_EVENTS_STREAM": stream,
        "PYTHONUNBUFFERED": "1",
        **environment,
    }
    arguments = [sys.executable, *command, str(port)]
    with log.open("wb") as out:
        process = subprocess.Popen(arguments, cwd=ROOT, env=env, stdout=out, stderr=subprocess.STDOUT)
    server = Server(port, stream, process, log)
    try:
        wait_until(lambda: answers(port) or process.poll() is not None, START_TIMEOUT_S)
        assert process.poll() is None, log.read_text()
        yield server
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Client:
    """One socket, read frame by frame."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.frames: list[tuple[float, dict[str, Any]]] = []  # each with when it came, in monotonic seconds
        self.events: list[dict[str, Any]] = []

    @property
    def last_event_id(self) -> str:
        return str(self.events[-1]["event_id"])

    def send(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def ask(self, **message: Any) -> dict[str, Any]:
        """Send, and return the first answer that is no batch."""
        self.send(**message)
        return self.next_but("batch")

    def subscribe(self, execution_id: str | None = None) -> Self:
        """Subscribe to everything, or to one execution, and wait until it is true."""
        names = {"topic": "execution", "id": execution_id} if execution_id else {"topic": "all"}
        answer = self.ask(action="subscribe", **names)
        assert answer == {"type": "subscribed", **names}
        return self

    def next(self, timeout_s: float = 10.0) -> dict[str, Any]:
        """The next frame. Raises TimeoutError, or ConnectionClosed."""
        frame: dict[str, Any] = json.loads(self.socket.recv(timeout=timeout_s))
        self.frames.append((time.monotonic(), frame))
        if frame["type"] == "batch":
            self.events += frame["events"]
        return frame

    def next_but(self, *types: str) -> dict[str, Any]:
        while (frame := self.next())["type"] in types:
            pass
        return frame

    def hello(self) -> Self:
        assert self.next()["type"] == "hello"
        return self

    def read_until(self, done: Callable[[], object], timeout_s: float = 15.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not done():
            self.next(max(0.01, deadline - time.monotonic()))

    def read_for(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            try:
                self.next(left)
            except TimeoutError:
                return

    def close_code(self, timeout_s: float = 10.0) -> int | None:
        """Read until the server closes."""
        try:
            while True:
                self.next(timeout_s)
        except ConnectionClosed as closed:
            return closed.rcvd.code if closed.rcvd else None
