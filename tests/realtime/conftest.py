"""A web server, a session, and a way to send events, for the socket tests."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client as Browser
from pytest_django import Settings

from pulse_project.embedded.ports import free_port
from tests.realtime.examples import Ticking
from tests.realtime.servers import Server, running

Run = Callable[..., AbstractContextManager[Server]]


@pytest.fixture(scope="session")
def run_server(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`run_server(PULSE_SOMETHING="1")`: a server with a stream of its own, for the time of a `with`."""

    def run(**options: Any) -> AbstractContextManager[Server]:
        log = tmp_path_factory.mktemp("web") / "web.log"
        return running(free_port(), f"test:{secrets.token_hex(4)}", log, **options)

    return run


@pytest.fixture(scope="session")
def shared_server(run_server: Run) -> Iterator[Server]:
    with run_server(PULSE_SOCKET_SESSION_CHECK_S="0.3", PULSE_SOCKET_STALLED_S="1.5") as server:
        yield server


@pytest.fixture
def server(shared_server: Server, settings: Settings) -> Server:
    """The server of this test run; events that the test emits go to its stream."""
    settings.PULSE_EVENTS_STREAM = shared_server.stream
    return shared_server


@pytest.fixture
def cookie() -> str:
    """The session of a user who is logged in. For tests that are marked COMMITTED, so that the server sees it."""
    browser = Browser()
    browser.force_login(get_user_model().objects.create_user("ada"))
    return browser.cookies["sessionid"].value


@pytest.fixture
def session(cookie: str) -> SessionStore:
    return SessionStore(cookie)


@pytest.fixture
def ticking(server: Server) -> Iterator[Ticking]:
    writer = Ticking()
    yield writer
    writer.stop()
