"""Jobs of the built-in handlers, run by the engine against real services."""

import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from requests_hardened import Config, HTTPSession

from pulse import engine, services
from pulse.handlers.http_transport import Session
from pulse.models import Job
from tests.http_server import http_server

__all__ = ["http_server"]


class PublicLoopback(Session):
    """As the handler's own, but that the local test server stands for a public one."""

    def __init__(self, *, is_filtered: bool = True) -> None:
        HTTPSession.__init__(self, Config(is_filtered, True, True, (5, 5)))
        self.trust_env = False


@pytest.fixture
def perform(db: None, caplog: pytest.LogCaptureFixture) -> Callable[..., Job]:
    """Asks for a job and runs it to its end: `perform("pulse.noop", {...})`. Its log is in `caplog`."""
    caplog.set_level(logging.DEBUG, logger="pulse.run")

    def perform(handler_name: str, payload: dict[str, Any] | None = None) -> Job:
        job = services.enqueue(handler_name, payload)
        engine.perform(job.pk, worker_id="w1", worker_name="w1@here")
        job.refresh_from_db()
        return job

    return perform


@pytest.fixture
def private_allowed(settings: Any) -> None:
    settings.PULSE_HTTP_ALLOW_PRIVATE_ADDRESSES = True


@pytest.fixture
def unused_tcp_port() -> int:
    """A port of 127.0.0.1 that was free a moment ago."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
