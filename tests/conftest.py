"""Fixtures that every test may use."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from pydantic import BaseModel

from pulse import clock, switchboard, tasks
from pulse.registry import Handler, NoPayload, registry
from tasklogs.flusher import flusher


@pytest.fixture(autouse=True)
def no_lines_left_behind(request: pytest.FixtureRequest) -> Iterator[None]:
    """Log lines that still wait belong to the test that made them, and so does their thread's connection."""
    if {"db", "transactional_db"} & set(request.fixturenames):
        request.getfixturevalue("_django_db_helper")  # set up before, so that it is torn down after
    yield
    flusher.stop()


class FrozenClock:
    """Stands still until it is moved."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def advance(self, seconds: float) -> datetime:
        self.now += timedelta(seconds=seconds)
        return self.now


@pytest.fixture
def frozen_clock(monkeypatch: pytest.MonkeyPatch) -> FrozenClock:
    frozen = FrozenClock(datetime(2026, 3, 1, 12, 0, tzinfo=UTC))
    monkeypatch.setattr(clock, "now", lambda: frozen.now)
    return frozen


@pytest.fixture(autouse=True)
def nothing_switched_off() -> None:
    """A process keeps for a second what it read; a test starts without that of the one before."""
    switchboard.forget()


@pytest.fixture
def make_handler() -> Iterator[Callable[..., Handler]]:
    """Registers a handler for one test: `make_handler(function, name="test.work", max_retries=0)`."""
    made: list[str] = []

    def make(function: Callable[[Any], Any], name: str = "test.work", **options: Any) -> Handler:
        model: type[BaseModel] = options.pop("payload", NoPayload)
        settled = {
            "queue": "default",
            "timeout_s": 30.0,
            "max_retries": 2,
            "on_orphan": "fail",
            "cost_estimate_usd": None,
            "description": "",
            "place": f"{__file__}:{name}",
        } | options
        registry.remove(name)
        handler = Handler(name=name, function=function, payload=model, **settled)
        registry.add(handler)
        if name not in current_app.tasks:
            tasks.register(handler)
        made.append(name)
        return handler

    yield make
    for name in made:
        registry.remove(name)


@pytest.fixture
def at_once() -> Callable[..., list[Any]]:
    """Calls a function in several threads at the same moment, each with its own database connection."""

    def run(function: Callable[[], Any], threads: int = 2) -> list[Any]:
        barrier = Barrier(threads)

        def one(_: int) -> Any:
            try:
                connection.ensure_connection()
                barrier.wait(timeout=10)
                return function()
            finally:
                connection.close()

        with ThreadPoolExecutor(threads) as pool:
            return list(pool.map(one, range(threads)))

    return run
