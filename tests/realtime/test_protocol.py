import json
from typing import Any

import pytest

from pulse import events, ids
from tests.realtime.examples import started
from tests.realtime.servers import COMMITTED, ROOT, Server

pytestmark = COMMITTED

EXECUTION = "PX_abcdefghijklmnop_1733450123"


def test_the_first_frame_is_a_hello_with_the_newest_event(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        frame = client.next()
        assert sorted(frame) == ["event_id", "type"]
        assert frame["type"] == "hello"
        assert frame["event_id"] == "0-0" or "-" in frame["event_id"]


def test_a_ping_is_answered_with_a_pong(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        assert client.hello().ask(action="ping") == {"type": "pong"}


def test_subscribing_twice_and_unsubscribing_twice_is_answered_each_time(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        client.hello().subscribe().subscribe().subscribe(EXECUTION).subscribe(EXECUTION)
        for _ in range(2):
            assert client.ask(action="unsubscribe", topic="all") == {"type": "unsubscribed", "topic": "all"}
            answer = client.ask(action="unsubscribe", topic="execution", id=EXECUTION)
            assert answer == {"type": "unsubscribed", "topic": "execution", "id": EXECUTION}


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("", "invalid_message"),
        ("{", "invalid_message"),
        ("[1]", "invalid_message"),
        ("null", "invalid_message"),
        ("[" * 4000, "invalid_message"),
        (b'{"action":"ping"}', "invalid_message"),
        ("{}", "unknown_action"),
        ('{"action":["ping"]}', "unknown_action"),
        ('{"action":"subscribe"}', "unknown_topic"),
        ('{"action":"subscribe","topic":{}}', "unknown_topic"),
        ('{"action":"subscribe","topic":"execution"}', "invalid_id"),
        ('{"action":"subscribe","topic":"execution","id":7}', "invalid_id"),
        ('{"action":"subscribe","topic":"execution","id":"PX_*"}', "invalid_id"),
        ('{"action":"unsubscribe","topic":"execution","id":"JB_abcdefghijklmnop_1733450123"}', "invalid_id"),
        (json.dumps({"action": "ping", "more": "x" * 5000}), "message_too_large"),
    ],
)
def test_what_makes_no_sense_is_answered_with_an_error_and_the_client_stays(
    server: Server, cookie: str, sent: str | bytes, code: str
) -> None:
    with server.connect(cookie) as client:
        client.hello()
        client.socket.send(sent)
        answer = client.next()
        assert (answer["type"], answer["code"]) == ("error", code)
        assert sorted(answer) == ["code", "message", "type"]
        assert client.ask(action="ping") == {"type": "pong"}


def test_a_client_may_watch_twenty_executions_and_not_one_more(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        client.hello()
        for _ in range(20):
            client.subscribe(ids.execution_id())
        answer = client.ask(action="subscribe", topic="execution", id=ids.execution_id())
        assert (answer["type"], answer["code"]) == ("error", "too_many_subscriptions")


def shape(value: Any) -> Any:
    """Keys and kinds of values, without the values."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in value.items()}
    return type(value).__name__


def test_the_frames_are_those_of_the_contract(server: Server, cookie: str) -> None:
    contract = json.loads((ROOT / "tests/contract/events.json").read_text())
    with server.connect(cookie, query="?last_event_id=1-0") as client:
        for request in contract["requests"]:
            client.send(**request)
        client.send(action="dance")
        client.read_until(lambda: client.frames and client.frames[-1][1]["type"] == "error")
        client.subscribe()
        events.emit(started())
        client.read_until(lambda: client.events)
    seen = {json.dumps(shape({**frame, "events": 0} if "events" in frame else frame)) for _, frame in client.frames}
    shown = [{**frame, "events": 0} if "events" in frame else frame for frame in contract["frames"]]
    assert seen == {json.dumps(shape(frame)) for frame in shown if frame != {"type": "hello", "event_id": None}}
