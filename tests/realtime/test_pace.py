import socket
import time

import redis
from django.conf import settings

from pulse import events, stream
from tests.realtime.examples import Ticking, log_lines, started
from tests.realtime.servers import COMMITTED, Server, wait_until

pytestmark = COMMITTED

EXECUTION = "PX_abcdefghijklmnop_1733450123"


def test_events_come_in_at_most_four_frames_a_second(server: Server, cookie: str, ticking: Ticking) -> None:
    with server.connect(cookie) as client:
        client.hello().subscribe()
        client.read_for(2.5)
        times = [came for came, frame in client.frames if frame["type"] == "batch"]
    assert 5 <= len(times) <= 11
    assert len(client.events) > 100
    spans = [later - earlier for earlier, later in zip(times, times[4:], strict=False)]
    assert min(spans) > 0.9  # seconds that five frames take: 1, but for the jitter of their arrival


def test_the_first_event_after_silence_comes_at_once(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        client.hello().subscribe()
        time.sleep(0.3)
        before = time.monotonic()
        events.emit(started())
        client.read_until(lambda: client.events)
        assert client.frames[-1][0] - before < 0.5


def test_a_flood_is_cut_short_with_refetch_and_what_follows_arrives(server: Server, cookie: str) -> None:
    with server.connect(cookie) as client:
        client.hello().subscribe()
        for number in range(8_000):
            events.emit(started(number))
        stream.flush()
        client.read_until(lambda: client.frames[-1][1]["type"] == "refetch")
        client.read_for(0.7)
        events.emit(started(8_000))
        client.read_until(lambda: client.events and client.events[-1]["attempt"] == 8_000)
    attempts = [event["attempt"] for event in client.events]
    assert attempts == sorted(set(attempts))
    assert len(attempts) < 8_000


def test_a_client_that_never_reads_costs_little_memory_and_is_given_up(server: Server, cookie: str) -> None:
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", server.port))
    with server.connect(cookie, sock=narrow, max_queue=1, compression=None) as client:
        client.hello().subscribe(EXECUTION)
        before, sent = server.memory_bytes(), 0
        while "was given up" not in server.log.read_text():
            events.emit(log_lines(EXECUTION, "x" * 30_000))
            sent += 30_000
            time.sleep(0.02)
            assert sent < 50_000_000, "the server goes on keeping what nobody reads"
        assert server.memory_bytes() - before < 40_000_000
        client.close_code()
    assert sum(len(event["lines"][0]["message"]) for event in client.events) < sent
    redis.Redis.from_url(settings.REDIS_URL).delete(server.stream)
    wait_until(stream.flush)
