import pytest
import redis
from django.conf import settings

from pulse import events, stream
from tests.realtime.examples import Ticking, started
from tests.realtime.servers import COMMITTED, Client, Server

pytestmark = COMMITTED


def attempts(client: Client) -> list[int]:
    return [event["attempt"] for event in client.events]


def test_reconnecting_again_and_again_under_a_steady_writer_misses_nothing_and_doubles_nothing(
    server: Server, cookie: str, ticking: Ticking
) -> None:
    with server.connect(cookie) as first:
        first.hello().subscribe()
        first.read_until(lambda: first.events)
    seen, last_event_id = attempts(first), first.last_event_id
    for round_ in range(8):
        if round_ == 7:
            ticking.stop()
            stream.flush()
        with server.connect(cookie, query=f"?last_event_id={last_event_id}") as client:
            client.hello()
            enough = ticking.sent if round_ == 7 else seen[-1] + 20
            client.read_until(lambda at_least=enough: client.events and attempts(client)[-1] >= at_least)  # noqa: B023
        seen, last_event_id = seen + attempts(client), client.last_event_id
    assert seen == list(range(seen[0], ticking.sent + 1))


def test_what_was_missed_comes_in_pages_and_what_happens_meanwhile_after_it(server: Server, cookie: str) -> None:
    with server.connect(cookie) as first:
        first.hello().subscribe()
        events.emit(started(0))
        first.read_until(lambda: first.events)
    for number in range(1, 1201):
        events.emit(started(number))
    stream.flush()
    with server.connect(cookie, query=f"?last_event_id={first.last_event_id}") as client:
        client.hello()
        events.emit(started(1201))
        client.read_until(lambda: len(client.events) == 1201)
    assert attempts(client) == list(range(1, 1202))
    assert max(len(frame["events"]) for _, frame in client.frames[1:]) == 500


def test_a_stream_that_no_longer_reaches_back_tells_the_client_to_refetch_and_goes_on(
    server: Server, cookie: str
) -> None:
    with server.connect(cookie) as first:
        first.hello().subscribe()
        events.emit(started(1))
        first.read_until(lambda: first.events)
    for number in range(2, 12):
        events.emit(started(number))
    stream.flush()
    redis.Redis.from_url(settings.REDIS_URL).xtrim(server.stream, maxlen=5, approximate=False)
    with server.connect(cookie, query=f"?last_event_id={first.last_event_id}") as client:
        client.hello()
        assert client.next() == {"type": "refetch"}
        events.emit(started(12))
        client.read_until(lambda: client.events)
    assert attempts(client) == [12]


@pytest.mark.parametrize("future", ["99999999999999-0", "18446744073709551615-18446744073709551615", "0-0"])
def test_an_event_that_never_was_is_answered_with_refetch_and_hides_nothing_that_follows(
    server: Server, cookie: str, future: str
) -> None:
    with server.connect(cookie, query=f"?last_event_id={future}") as client:
        client.hello()
        assert client.next() == {"type": "refetch"}
        events.emit(started(5))
        client.read_until(lambda: client.events)
    assert attempts(client) == [5]


@pytest.mark.parametrize("nonsense", ["", "x", "1-", "-1", "1-2-3", "99999999999999999999-0", "%D9%A1-%D9%A1", "%00"])
def test_what_is_no_event_id_is_said_and_answered_with_refetch(server: Server, cookie: str, nonsense: str) -> None:
    with server.connect(cookie, query=f"?last_event_id={nonsense}") as client:
        client.hello()
        answer = client.next()
        assert (answer["type"], answer["code"]) == ("error", "invalid_event_id")
        assert client.next() == {"type": "refetch"}
