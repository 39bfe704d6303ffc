"""The event stream, writing side: a capped stream in Valkey that every process appends to.

Events are news, not truth: a lost one costs a browser a refetch, never a job. So appending only puts the event into
a bounded buffer of this process; one daemon thread, started by the first event, writes the buffer every 50 ms.
Nothing here raises, and no caller waits for Valkey except in `flush`.
"""

import atexit
import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

logger = logging.getLogger(__name__)

WRITE_EVERY_S: Final = 0.05
BATCH: Final = 500  # events in one round trip
BUFFER_BYTES: Final = 8 * 1024 * 1024  # what waits while Valkey is away; beyond it the oldest is dropped
EVENT_BYTES: Final = 32 * 1024  # times the stream's cap: the most memory it can take
SHORT_TEXT: Final = 500  # characters of each text that an event too large keeps
TIMEOUT_S: Final = 2.0  # to connect, and to answer
BACKOFF_CAP_S: Final = 2.0
OVERHEAD_BYTES: Final = 200  # of an entry's Python objects, about

GAP: Final = "gap"  # the field of an entry that stands for facts that were dropped: who reads it fetches again

# Lines of a log are kept only while somebody watches their execution (see pulse/relay.py).
ADD_WATCHED: Final = """
if redis.call('EXISTS', KEYS[2]) == 1 then
  return redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'data', ARGV[2], 'for', ARGV[3])
end
"""


@dataclass(frozen=True, slots=True)
class Entry:
    text: str  # JSON
    is_news: bool  # ages at once: dropped first
    key: str | None  # an entry still waiting under the same key is replaced by a newer one
    audience: str | None  # the execution whose watchers get it; None: everyone

    @property
    def size(self) -> int:
        return len(self.text) + OVERHEAD_BYTES


def watch_key(execution_id: str) -> str:
    """The key in Valkey that exists while somebody watches this execution's lines."""
    return f"{settings.PULSE_EVENTS_STREAM}:watched:{execution_id}"


class Writer:
    """One process's buffer, and the thread that empties it."""

    def __init__(self) -> None:
        self.dropped = 0  # events, since this process began
        self._lock = threading.RLock()  # re-entrant: a signal may interrupt `append` with code that appends
        self._sending = threading.Lock()
        self._numbers = itertools.count()
        self._facts: dict[int, Entry] = {}
        self._news: dict[int, Entry] = {}
        self._newest: dict[str, int] = {}  # by key
        self._size = 0
        self._gaps = 0  # facts dropped since browsers were last told that some are missing
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None
        self._client: redis.Redis | None = None
        self._away = False

    def append(self, entry: Entry) -> None:
        with self._lock:
            number = next(self._numbers)
            if entry.key is not None:
                self._forget(self._newest.get(entry.key))
                self._newest[entry.key] = number
            (self._news if entry.is_news else self._facts)[number] = entry
            self._size += entry.size
            while self._size > BUFFER_BYTES:
                self._drop_oldest()
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="pulse-events", daemon=True)
                thread.start()
                self._thread = thread
        if not self._wake.is_set():
            self._wake.set()

    def write(self) -> bool:
        """Write all that waits, now. False when Valkey did not take it, or another thread is writing for too long."""
        if not self._sending.acquire(timeout=TIMEOUT_S):
            return False
        try:
            while batch := self._oldest():
                self._send([entry for _, entry in batch])
                with self._lock:
                    for number, _ in batch:
                        self._forget(number)
            self._back_again()
        except (redis.RedisError, OSError, ValueError) as error:
            self._gone(error)
            return False
        finally:
            self._sending.release()
        return True

    def hold(self) -> bool:
        """Wait until the thread is between two writes, and keep it there until `let_go`. False: it hangs in one."""
        held = self._sending.acquire(timeout=TIMEOUT_S)
        if held:
            self._lock.acquire()
        return held

    def let_go(self) -> None:
        self._lock.release()
        self._sending.release()

    def _run(self) -> None:
        failures = 0
        while True:
            self._wake.wait()
            self._wake.clear()
            time.sleep(min(BACKOFF_CAP_S, WRITE_EVERY_S * 2.0 ** min(failures, 10)))
            if self.write():
                failures = 0
            else:
                failures += 1
                self._wake.set()

    def _oldest(self) -> list[tuple[int, Entry]]:
        with self._lock:
            return sorted((self._facts | self._news).items())[:BATCH]

    def _forget(self, number: int | None) -> None:
        if number is None:
            return
        entry = self._facts.pop(number, None) or self._news.pop(number, None)
        if entry is None:
            return
        self._size -= entry.size
        if entry.key is not None and self._newest.get(entry.key) == number:
            del self._newest[entry.key]

    def _drop_oldest(self) -> None:
        self._gaps += not self._news
        self._forget(next(iter(self._news or self._facts)))
        self.dropped += 1

    def _send(self, entries: list[Entry]) -> None:
        """One transaction, so that a connection lost in the middle does not leave half of it to be doubled."""
        if self._client is None:
            self._client = connect()
        stream, kept = settings.PULSE_EVENTS_STREAM, settings.PULSE_EVENTS_KEPT
        gaps = self._gaps
        with self._client.pipeline(transaction=True) as pipeline:
            if gaps:
                pipeline.xadd(stream, {GAP: str(gaps)}, maxlen=kept, approximate=True)
            for entry in entries:
                if entry.audience is None:
                    pipeline.xadd(stream, {"data": entry.text}, maxlen=kept, approximate=True)
                else:
                    watched = watch_key(entry.audience)
                    pipeline.eval(ADD_WATCHED, 2, stream, watched, str(kept), entry.text, entry.audience)
            pipeline.execute()
        with self._lock:
            self._gaps -= gaps

    def _gone(self, error: Exception) -> None:
        if not self._away:
            logger.warning("events are not sent, they wait in this process: %s", error)
        self._away = True

    def _back_again(self) -> None:
        if self._away:
            logger.warning("events are sent again; this process has dropped %d so far", self.dropped)
        self._away = False


def connect() -> redis.Redis:
    """A client that tries once and says so: the writer has its own patience."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


_writer = Writer()


def append(
    message: dict[str, Any], *, is_news: bool = False, key: str | None = None, audience: str | None = None
) -> None:
    """Add one message to the stream soon. `is_news`, `key`, `audience`: see Entry."""
    try:
        for text in fitted(message):
            _writer.append(Entry(text, is_news, key, audience))
    except (TypeError, ValueError, RuntimeError) as error:  # no JSON, or nested too deeply; no thread to be had
        logger.error("event %s cannot be sent: %s", message.get("type"), error)  # noqa: TRY400


def flush() -> bool:
    """Write what waits, in this thread; to be called before a process ends. False when Valkey did not take it."""
    return _writer.write()


def dropped() -> int:
    """Events this process has dropped because Valkey was away for too long."""
    return _writer.dropped


def fitted(message: dict[str, Any]) -> Iterator[str]:
    """The message as JSON of at most EVENT_BYTES: `lines` too many for one message are sent in several.

    A message that is still too large keeps the start of each text, and its lists are sent empty: fetch them.
    Raises TypeError, ValueError or RecursionError for what JSON has no word for.
    """
    text = json.dumps(message, default=str, allow_nan=False)
    if len(text) <= EVENT_BYTES:
        yield text
        return
    lines = message.get("lines", [])
    if len(lines) > 1:
        middle = len(lines) // 2
        yield from fitted({**message, "lines": lines[:middle]})
        yield from fitted({**message, "lines": lines[middle:]})
    else:
        yield json.dumps({name: shortened(value) for name, value in message.items()}, default=str)


def shortened(value: Any) -> Any:
    if isinstance(value, str) and len(value) > SHORT_TEXT:
        return f"{value[:SHORT_TEXT]}…"
    return [] if isinstance(value, list) else value


def _before_fork() -> None:
    _forks.append(_writer.hold())


def _in_parent() -> None:
    if _forks.pop():
        _writer.let_go()


def _in_child() -> None:
    """What waits is the parent's to write; the child begins with an empty buffer, new locks and no thread."""
    global _writer  # noqa: PLW0603
    _forks.clear()
    _writer = Writer()


# A fork beside a thread that is inside the resolver or TLS may leave their locks taken for ever in the child.
_forks: list[bool] = []
os.register_at_fork(before=_before_fork, after_in_parent=_in_parent, after_in_child=_in_child)
atexit.register(flush)
