"""Valkey goes away while people watch."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis
from django.conf import settings
from pytest_django import Settings

from pulse import events, stream
from pulse_project.embedded.valkey import Valkey
from tests.realtime.conftest import Run
from tests.realtime.examples import log_lines, started
from tests.realtime.servers import COMMITTED, Server, wait_until

pytestmark = COMMITTED

EXECUTION = "PX_abcdefghijklmnop_1733450123"


@pytest.fixture(scope="module")
def own_valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey that these tests may kill."""
    valkey = Valkey(tmp_path_factory.mktemp("valkey"))
    valkey.start()
    yield valkey
    valkey.stop()


@pytest.fixture(scope="module")
def its_server(run_server: Run, own_valkey: Valkey) -> Iterator[Server]:
    with run_server(REDIS_URL=own_valkey.url) as server:
        yield server


@pytest.fixture
def fragile(
    its_server: Server, own_valkey: Valkey, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Server]:
    """A server whose Valkey may be killed; events that the test emits go there."""
    if not own_valkey.child.is_running():
        bring_back(own_valkey)
    settings.REDIS_URL = own_valkey.url
    settings.PULSE_EVENTS_STREAM = its_server.stream
    monkeypatch.setattr(stream, "_writer", stream.Writer())
    yield its_server
    stream.flush()


def kill(valkey: Valkey) -> None:
    assert valkey.child.process is not None
    valkey.child.process.kill()
    valkey.child.process.wait()


def bring_back(valkey: Valkey) -> None:
    valkey.child.start()
    wait_until(valkey.answers)


def test_after_valkey_was_killed_clients_are_told_to_refetch_and_events_flow_again(
    fragile: Server, own_valkey: Valkey, cookie: str
) -> None:
    with fragile.connect(cookie) as client, fragile.connect(cookie) as watcher:
        client.hello().subscribe()
        watcher.hello().subscribe(EXECUTION)
        events.emit(started(1))
        client.read_until(lambda: client.events)
        kill(own_valkey)
        events.emit(started(2))
        assert client.ask(action="ping") == {"type": "pong"}
        bring_back(own_valkey)
        for told in (client, watcher):
            told.read_until(lambda told=told: told.frames[-1][1] == {"type": "refetch"})
        events.emit(started(3))
        client.read_until(lambda: client.events[-1]["attempt"] == 3)
        events.emit(log_lines(EXECUTION, "again"))
        watcher.read_until(lambda: watcher.events)
    attempts = [event["attempt"] for event in client.events]
    assert attempts in ([1, 2, 3], [1, 3])  # the second may have come back before the relay: then refetch covers it
    with fragile.connect(cookie, query=f"?last_event_id={client.events[0]['event_id']}") as late:
        assert late.hello().next() == {"type": "refetch"}  # nobody can tell what Valkey lost with its last second


def test_who_connects_while_valkey_is_away_is_told_to_refetch_when_it_is_back(
    fragile: Server, own_valkey: Valkey, cookie: str
) -> None:
    kill(own_valkey)
    with fragile.connect(cookie) as client:
        assert client.next() == {"type": "hello", "event_id": None}
        client.subscribe()
        bring_back(own_valkey)
        assert client.next() == {"type": "refetch"}
        events.emit(started(1))
        client.read_until(lambda: client.events)
    assert "Traceback" not in fragile.log.read_text()


def test_a_connection_cut_without_loss_is_mended_silently(server: Server, cookie: str) -> None:
    valkey = redis.Redis.from_url(settings.REDIS_URL)
    with server.connect(cookie) as client:
        client.hello().subscribe()
        events.emit(started(1))
        client.read_until(lambda: client.events)
        for reader in valkey.client_list():
            if reader["cmd"] == "xread":
                valkey.client_kill(f"{reader['addr']}")
        for number in range(2, 30):
            events.emit(started(number))
            time.sleep(0.01)
        client.read_until(lambda: client.events[-1]["attempt"] == 29)
    assert [event["attempt"] for event in client.events] == list(range(1, 30))
    assert {frame["type"] for _, frame in client.frames} == {"hello", "subscribed", "batch"}


def test_events_that_their_process_had_to_drop_are_made_good_by_a_refetch(
    fragile: Server, own_valkey: Valkey, cookie: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "BUFFER_BYTES", 5_000)
    with fragile.connect(cookie) as client:
        client.hello().subscribe()
        events.emit(started(0))
        client.read_until(lambda: client.events)
        with held(stream._writer):
            for number in range(1, 101):
                events.emit(started(number))
        client.read_until(lambda: client.events[-1]["attempt"] == 100)
    assert 80 < stream.dropped() < 100
    assert [frame["type"] for _, frame in client.frames[-3:]] == ["batch", "refetch", "batch"]
    with fragile.connect(cookie, query=f"?last_event_id={client.events[0]['event_id']}") as late:
        assert late.hello().next() == {"type": "refetch"}
    with fragile.connect(cookie, query=f"?last_event_id={client.events[1]['event_id']}") as late:
        late.hello()
        late.read_until(lambda: late.events)
    assert late.events == client.events[2:]


@contextmanager
def held(writer: stream.Writer) -> Iterator[None]:
    """As if Valkey took nothing meanwhile."""
    assert writer.hold()
    yield
    writer.let_go()


def test_a_stream_that_was_deleted_is_noticed_with_its_next_event(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        client.hello().subscribe()
        events.emit(started(1))
        client.read_until(lambda: client.events)
        redis.Redis.from_url(settings.REDIS_URL).delete(server.stream)
        events.emit(started(2))
        stream.flush()
        client.read_until(lambda: client.events[-1]["attempt"] == 2)
    assert [frame["type"] for _, frame in client.frames[-2:]] == ["refetch", "batch"]
