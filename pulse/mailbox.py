"""What one connected client has yet to be sent: bounded, in the stream's order, each event once."""

import asyncio
import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self

from pulse.stream import GAP

MAILBOX_EVENTS: Final = 2_000
MAILBOX_BYTES: Final = 2 * 1024 * 1024
FRAME_EVENTS: Final = 500
FRAME_BYTES: Final = 256 * 1024
PATTERN: Final = re.compile(r"^([0-9]{1,20})-([0-9]{1,20})$")
LARGEST: Final = 2**64  # stream ids are two unsigned 64-bit numbers


class EventId(NamedTuple):
    """An event's place in the stream; compares as the stream orders."""

    ms: int  # unix milliseconds of Valkey's clock
    nth: int  # of the events in that millisecond, from 0

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `1733450123456-0`. Raises ValueError for anything else."""
        found = PATTERN.match(text)
        if not found or max(int(found[1]), int(found[2])) >= LARGEST:
            raise ValueError(f"not an event id: {text[:50]!r}")
        return cls(int(found[1]), int(found[2]))

    def __str__(self) -> str:
        return f"{self.ms}-{self.nth}"


BEGINNING: Final = EventId(0, 0)  # the place before the first event of a stream


@dataclass(frozen=True, slots=True)
class Received:
    """One event as it was read from the stream."""

    id: EventId
    text: str  # JSON with its event_id, shared by all clients that get it
    audience: str | None  # the execution whose watchers get it; None: everyone
    is_gap: bool = False  # stands for events that were dropped before they got here


class Mailbox:
    def __init__(self) -> None:
        self.listening = False  # to everything but log lines
        self.watched: set[str] = set()  # executions whose log lines it gets
        self.after: EventId = BEGINNING  # it has, or needs not have, everything up to here
        self.must_refetch = False  # said before anything else
        self.filled = asyncio.Event()
        self._waiting: deque[Received] = deque()
        self._bytes = 0

    def put(self, events: Iterable[Received]) -> None:
        """Keep what this client asked for. When it reads too slowly, what waits is dropped: it has to fetch again."""
        for event in events:
            if event.is_gap:
                self.refetch()
            elif event.id > self.after and self.wants(event):
                self._waiting.append(event)
                self._bytes += len(event.text)
        if len(self._waiting) > MAILBOX_EVENTS or self._bytes > MAILBOX_BYTES:
            self.refetch()
        elif self._waiting:
            self.filled.set()

    def wants(self, event: Received) -> bool:
        return self.listening if event.audience is None else event.audience in self.watched

    def refetch(self, after: EventId | None = None) -> None:
        """Events were, or may have been, missed: the client is told so in place of what waits.

        `after`: where it goes on from, in a stream that was lost and began anew.
        """
        if after is not None:
            self.after = after
        self._waiting.clear()
        self._bytes = 0
        self.must_refetch = True
        self.filled.set()

    def take(self) -> str:
        """The next frame to send. Only to be called when `filled` is set."""
        if self.must_refetch:
            self.must_refetch = False
            frame = json.dumps({"type": "refetch"})
        else:
            frame = batch(self._next_events())
        if not self._waiting:
            self.filled.clear()
        return frame

    def _next_events(self) -> Iterator[Received]:
        """As many as fit into one frame."""
        size = events = 0
        while self._waiting and events < FRAME_EVENTS and size < FRAME_BYTES:
            event = self._waiting.popleft()
            self._bytes -= len(event.text)
            size, events = size + len(event.text), events + 1
            yield event


def batch(events: Iterable[Received]) -> str:
    """One frame of events."""
    return f'{{"type":"batch","events":[{",".join(event.text for event in events)}]}}'


def received(entry: tuple[str, dict[str, str]]) -> Received | None:
    """An entry of the stream. None for one that no writer of ours made."""
    entry_id, fields = entry
    if GAP in fields:
        return Received(EventId.parse(entry_id), "", None, is_gap=True)
    data = fields.get("data", "")
    if not data.startswith("{"):
        return None
    return Received(EventId.parse(entry_id), f'{{"event_id":"{entry_id}",{data[1:]}', fields.get("for"))
