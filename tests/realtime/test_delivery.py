from typing import Any

import redis
from django.conf import settings
from django.db import transaction

from pulse import events, ids, stream
from tests.realtime.examples import log_lines, started
from tests.realtime.servers import COMMITTED, Server

pytestmark = COMMITTED

COMMON: dict[str, Any] = {
    "execution_id": "PX_abc123",
    "job_id": "SPJ_123",
    "scheduled_job_id": "SPJ_123",
    "async_job_id": "JB_123",
    "handler_name": "test.work",
}


def test_the_three_messages_of_an_execution_arrive_with_their_fields(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        client.hello().subscribe()
        events.emit(events.ExecutionStarted(**COMMON, attempt=1))
        events.emit(events.ExecutionCompleted(**COMMON, duration_ms=12340, result_summary="42 rows"))
        failure = {"error": "Operation failed", "error_code": "network_error", "error_details": ["one", "two"]}
        events.emit(events.ExecutionFailed(**COMMON, duration_ms=12340, **failure))
        client.read_until(lambda: len(client.events) == 3)
    placed = [(event.pop("event_id"), event.pop("timestamp")) for event in client.events]
    assert client.events == [
        {"type": "pulse_execution_started", **COMMON, "attempt": 1},
        {"type": "pulse_execution_completed", **COMMON, "duration_ms": 12340, "result_summary": "42 rows"},
        {"type": "pulse_execution_failed", **COMMON, "duration_ms": 12340, **failure},
    ]
    assert placed == sorted(placed)


def test_an_event_leaves_only_when_its_transaction_commits(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        client.hello().subscribe()
        with transaction.atomic():
            events.emit(started(1))
            transaction.set_rollback(True)
        with transaction.atomic():
            events.emit(started(2))
        client.read_until(lambda: client.events)
    assert [event["attempt"] for event in client.events] == [2]


def test_who_has_not_subscribed_gets_nothing(server: Server, cookie: str) -> None:
    with server.connect(cookie) as silent, server.connect(cookie) as client:
        silent.hello()
        client.hello().subscribe()
        events.emit(started())
        client.read_until(lambda: client.events)
        assert silent.ask(action="ping") == {"type": "pong"}
        assert silent.events == []


def test_log_lines_go_to_the_watchers_of_their_execution_only(server: Server, cookie: str) -> None:
    watched, other = ids.execution_id(), ids.execution_id()
    with server.connect(cookie) as watcher, server.connect(cookie) as listener:
        watcher.hello().subscribe(watched)
        listener.hello().subscribe()
        events.emit(log_lines(other, "not for you"))
        events.emit(log_lines(watched, "first", "second"))
        events.emit(started())
        watcher.read_until(lambda: watcher.events)
        listener.read_until(lambda: listener.events)
    assert [event["execution_id"] for event in watcher.events] == [watched]
    assert watcher.events[0]["lines"] == [{"seq": 1, "message": "first"}, {"seq": 2, "message": "second"}]
    assert [event["type"] for event in listener.events] == ["pulse_execution_started"]


def test_lines_that_nobody_watches_take_no_place_in_the_stream(server: Server) -> None:
    valkey = redis.Redis.from_url(settings.REDIS_URL)
    before = valkey.xlen(server.stream)
    events.emit(log_lines(ids.execution_id(), "unseen"))
    assert stream.flush()
    assert valkey.xlen(server.stream) == before


def test_who_unsubscribes_gets_no_more(server: Server, cookie: str) -> None:
    execution_id = ids.execution_id()
    with server.connect(cookie) as client, server.connect(cookie) as other:
        client.hello().subscribe().subscribe(execution_id)
        other.hello().subscribe().subscribe(execution_id)
        client.ask(action="unsubscribe", topic="all")
        events.emit(started())
        events.emit(log_lines(execution_id, "still watched"))
        client.read_until(lambda: client.events)
        client.ask(action="unsubscribe", topic="execution", id=execution_id)
        events.emit(log_lines(execution_id, "no longer"))
        other.read_until(lambda: len(other.events) == 3)
        assert client.ask(action="ping") == {"type": "pong"}
    assert [event["type"] for event in client.events] == ["log_lines"]
