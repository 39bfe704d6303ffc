"""A real HTTP server on a free port of 127.0.0.1, for tests that need one to talk to.

Use it as a fixture (`from tests.http_server import http_server` in a conftest.py), or `with LocalServer() as server`.
Routes: /status/404, /delay/2, /bytes/5000 (with Content-Length), /chunked/5000, /endless, /drip/10 (bytes, one each
50 ms), /gzip/100000, /truncated, /hangup, /echo, /redirect/3 (three times), /redirect-to?status=307&url=...,
/endless-redirect, /retry-after/429?value=7.
"""

import gzip
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

import pytest


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as the server got it."""

    method: str
    path: str  # with its query
    headers: dict[str, str]  # names in lower case
    body: bytes


class LocalServer(ThreadingHTTPServer):
    """Serves from a thread of its own between `__enter__` and `__exit__`."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Routes)
        self.seen: list[Seen] = []
        self.stopping = threading.Event()  # so that slow routes end with the test

    @property
    def port(self) -> int:
        return self.server_address[1]

    def url(self, path: str = "/status/200") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stopping.set()
        self.shutdown()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what some tests are about."""


class Routes(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: LocalServer

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append(Seen(self.command, self.path, headers, body))
        parts = urlsplit(self.path)
        _, name, *rest = parts.path.split("/")
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        route: Callable[..., None] = getattr(self, f"route_{name.replace('-', '_')}", self.route_missing)
        route(*rest, **query)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def route_missing(self, *_: str, **__: str) -> None:
        self.send(404, b"no such route")

    def route_status(self, status: str, **_: str) -> None:
        self.send(int(status), f"status {status}".encode())

    def route_retry_after(self, status: str, value: str, **_: str) -> None:
        self.send(int(status), b"later", {"Retry-After": value})

    def route_delay(self, seconds: str, **_: str) -> None:
        self.server.stopping.wait(float(seconds))
        self.send(200, b"at last")

    def route_bytes(self, size: str, **_: str) -> None:
        self.send(200, b"x" * int(size))

    def route_gzip(self, size: str, **_: str) -> None:
        self.send(200, gzip.compress(b"\0" * int(size)), {"Content-Encoding": "gzip"})

    def route_chunked(self, size: str, **_: str) -> None:
        self.begin(200, {"Transfer-Encoding": "chunked"})
        left = int(size)
        while left > 0:
            part = b"x" * min(left, 1000)
            self.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\n")
            left -= len(part)
        self.wfile.write(b"0\r\n\r\n")

    def route_endless(self, **_: str) -> None:
        self.begin(200, {"Connection": "close"})
        self.write_endlessly()

    def route_endless_redirect(self, **_: str) -> None:
        self.begin(302, {"Connection": "close", "Location": "/status/200"})
        self.write_endlessly()

    def route_drip(self, size: str, **_: str) -> None:
        self.begin(200, {"Content-Length": size})
        for _byte in range(int(size)):
            if self.server.stopping.wait(0.05):
                return
            self.wfile.write(b"x")

    def route_truncated(self, **_: str) -> None:
        self.begin(200, {"Content-Length": "100", "Connection": "close"})
        self.wfile.write(b"only this")

    def route_hangup(self, **_: str) -> None:
        self.close_connection = True

    def route_echo(self, status: str = "200", **_: str) -> None:
        seen = self.server.seen[-1]
        told = {"method": seen.method, "headers": seen.headers, "body": seen.body.decode()}
        self.send(int(status), json.dumps(told).encode(), {"Content-Type": "application/json"})

    def route_redirect(self, times: str, **_: str) -> None:
        left = int(times) - 1
        self.send(302, b"elsewhere", {"Location": f"/redirect/{left}" if left else "/status/200"})

    def route_redirect_to(self, url: str, status: str = "302", **_: str) -> None:
        self.send(int(status), b"elsewhere", {"Location": url})

    def write_endlessly(self) -> None:
        self.close_connection = True
        while not self.server.stopping.is_set():
            self.wfile.write(b"x" * 65536)

    def begin(self, status: int, headers: dict[str, str]) -> None:
        self.send_response(status, responses.get(status))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.begin(status, {"Content-Length": str(len(body)), "Content-Type": "text/plain", **(headers or {})})
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Quiet: what was asked is in `server.seen`."""


@pytest.fixture
def http_server() -> Iterator[LocalServer]:
    with LocalServer() as server:
        yield server
