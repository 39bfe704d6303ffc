"""What a process that emits events can rely on: it never waits, never fails, and the news gets out."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from django.conf import settings
from pytest_django import Settings

from pulse import events, stream
from pulse_project.embedded.ports import free_port
from pulse_project.embedded.valkey import Valkey
from tests.realtime.examples import log_lines, started
from tests.realtime.servers import ROOT, wait_until

COMMON: dict[str, Any] = {"job_id": "SP_1", "scheduled_job_id": "SP_1", "async_job_id": "JB_1", "stage": "read"}


@pytest.fixture
def writer(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[stream.Writer]:
    """The process's writer, new, with a stream of its own."""
    settings.PULSE_EVENTS_STREAM = f"test:{os.urandom(4).hex()}"
    fresh = stream.Writer()
    monkeypatch.setattr(stream, "_writer", fresh)
    yield fresh
    fresh.write()


@pytest.fixture
def nowhere(writer: stream.Writer, settings: Settings) -> None:
    """A Valkey that is not there."""
    settings.REDIS_URL = f"redis://127.0.0.1:{free_port()}/0"


def progress(current: int, execution_id: str = "PX_1") -> events.Progress:
    return events.Progress(execution_id=execution_id, current=current, total=100, **COMMON)


def sent() -> list[dict[str, Any]]:
    """What stands in the stream."""
    entries = redis.Redis.from_url(settings.REDIS_URL).xrange(settings.PULSE_EVENTS_STREAM)
    return [json.loads(fields[b"data"]) for _, fields in entries]


def attempts() -> list[int]:
    return [message["attempt"] for message in sent()]


def test_events_are_written_without_being_asked_and_in_order(writer: stream.Writer) -> None:
    for number in range(1500):
        events.emit(started(number))
    wait_until(lambda: len(sent()) == 1500)
    assert attempts() == list(range(1500))


def test_of_waiting_progress_only_the_newest_is_sent_and_in_its_place(writer: stream.Writer) -> None:
    assert writer.hold()
    for number in range(1, 51):
        stream.append({"type": "other", "n": number}) if number == 50 else events.emit(progress(number))
        events.emit(progress(number, "PX_2"))
    writer.let_go()
    assert stream.flush()
    told = [(message["type"], message.get("execution_id"), message.get("current")) for message in sent()]
    assert told == [("progress", "PX_1", 49), ("other", None, None), ("progress", "PX_2", 50)]


def test_with_valkey_away_nobody_waits_and_the_oldest_news_is_dropped_first(
    writer: stream.Writer, nowhere: None
) -> None:
    events.emit(progress(1))
    before = time.monotonic()
    for number in range(5_000):
        events.emit(started(number))
    assert time.monotonic() - before < 2
    assert stream.dropped() == 0
    for number in range(5_000, 24_000):
        events.emit(started(number))
    assert writer._news == {}
    assert writer._size <= stream.BUFFER_BYTES
    kept = [json.loads(entry.text)["attempt"] for entry in writer._facts.values()]
    assert kept == list(range(24_000 - len(kept), 24_000))
    assert stream.dropped() == 1 + 24_000 - len(kept)


def test_a_flush_with_valkey_away_says_so_and_ends(writer: stream.Writer, nowhere: None) -> None:
    events.emit(started())
    before = time.monotonic()
    assert stream.flush() is False
    assert time.monotonic() - before < 3


def test_a_valkey_that_hangs_holds_up_nobody_and_then_gets_everything(
    writer: stream.Writer, settings: Settings, tmp_path: Path
) -> None:
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    settings.REDIS_URL = valkey.url
    events.emit(started(0))
    assert stream.flush()
    valkey.child.send(signal.SIGSTOP)
    before = time.monotonic()
    for number in range(1, 100):
        events.emit(started(number))
    assert time.monotonic() - before < 0.5
    time.sleep(0.2)  # by now the thread waits for an answer
    valkey.child.send(signal.SIGCONT)
    wait_until(lambda: attempts() == list(range(100)))
    valkey.stop()


def test_the_stream_is_capped(writer: stream.Writer, settings: Settings) -> None:
    settings.PULSE_EVENTS_KEPT = 300
    for number in range(1000):
        events.emit(started(number))
    assert stream.flush()
    assert 300 <= len(sent()) < 500
    assert attempts()[-1] == 999


def test_what_json_cannot_say_is_logged_and_nothing_is_raised(
    writer: stream.Writer, caplog: pytest.LogCaptureFixture
) -> None:
    stream.append({"type": "odd", "value": float("nan")})
    stream.append({"type": "odd", b"bytes": 1})  # type: ignore[dict-item]
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]
    assert stream.flush()
    assert sent() == []


def test_many_lines_are_sent_in_several_events_and_one_too_large_is_left_to_be_fetched(
    writer: stream.Writer,
) -> None:
    texts = ["x" * 9_000] * 9
    parts = [json.loads(part) for part in stream.fitted(log_lines("PX_1", *texts).wire())]
    assert len(parts) > 1
    assert [line["seq"] for part in parts for line in part["lines"]] == list(range(1, 10))
    [alone] = [json.loads(part) for part in stream.fitted(log_lines("PX_1", "x" * 50_000).wire())]
    assert (alone["lines"], alone["last_seq"]) == ([], 1)


def test_a_failure_with_a_huge_error_still_arrives_with_its_start(writer: stream.Writer) -> None:
    stream.append({"type": "failed", "error": "e" * 100_000, "error_details": ["x" * 1000] * 100, "duration_ms": 5})
    assert stream.flush()
    assert sent() == [{"type": "failed", "error": "e" * 500 + "…", "error_details": [], "duration_ms": 5}]


def test_forked_children_send_their_own_events_once_and_never_hang(writer: stream.Writer) -> None:
    children = 20
    for number in range(children):
        for _ in range(5):
            events.emit(started(number))  # the parent's thread is at work while it forks
        pid = os.fork()
        if pid == 0:
            events.emit(started(1000 + number))
            os._exit(0 if stream.flush() else 1)
        wait_until(lambda pid=pid: ended_well(pid))  # type: ignore[misc]
    assert stream.flush()
    wait_until(lambda: len(sent()) == children * 6)
    expected = [number for number in range(children) for _ in range(5)] + [
        1000 + number for number in range(children)
    ]
    assert sorted(attempts()) == expected


def ended_well(pid: int) -> bool:
    ended, status = os.waitpid(pid, os.WNOHANG)
    assert status == 0
    return ended == pid


def test_a_process_that_ends_sends_what_it_still_has(writer: stream.Writer) -> None:
    program = "import django; django.setup(); from pulse import stream; stream.append({'type': 'last words'})"
    env = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "pulse_project.settings",
        "PULSE_EVENTS_STREAM": settings.PULSE_EVENTS_STREAM,
    }
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=env, check=True, timeout=60)
    assert sent() == [{"type": "last words"}]
