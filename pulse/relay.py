"""The event stream, reading side: one task per event loop reads it and fills the mailboxes of all its clients.

It runs while there are clients. When Valkey goes away it tries again with backoff and reads on where it was; clients
that may have missed something meanwhile are told to fetch again.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.conf import settings
from redis import RedisError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from pulse.mailbox import BEGINNING, EventId, Mailbox, Received, received
from pulse.stream import watch_key

logger = logging.getLogger(__name__)

READ_EVERY_S: Final = 0.05  # at most, so that many writers do not wake it for each event
PAGE: Final = 500  # entries in one read
BLOCK_MS: Final = 5_000
SOCKET_TIMEOUT_S: Final = 10.0  # longer than a read blocks: a silent connection is a dead one
CONNECT_TIMEOUT_S: Final = 2.0
READY_WITHIN_S: Final = 2.0
BACKOFF_S: Final = 0.1  # doubled with each failure
BACKOFF_CAP_S: Final = 2.0
WATCHED_FOR_S: Final = 30  # how long writers go on sending an execution's lines after its watchers have left
SAY_WATCHED_EVERY_S: Final = 10.0


class Missed(Exception):
    """The stream no longer reaches back to the given place: events after it are gone."""


class Relay:
    """Hands each event of the stream to the mailboxes that want it."""

    def __init__(self) -> None:
        self.position = BEGINNING  # the last event handed out
        self._mailboxes: set[Mailbox] = set()
        self._client: Redis | None = None  # while Valkey answers
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._watched_said_at = 0.0

    async def join(self, mailbox: Mailbox) -> bool:
        """Take a client in. False when Valkey is away: it will be told to fetch again when it is back."""
        self._mailboxes.add(mailbox)
        if self._task is None:
            self._start()
        try:
            await asyncio.wait_for(self._ready.wait(), READY_WITHIN_S)
        except TimeoutError:
            return False
        return True

    def leave(self, mailbox: Mailbox) -> None:
        self._mailboxes.discard(mailbox)
        if not self._mailboxes and self._task is not None:
            self._task.cancel()
            self._task = None

    def listen(self, mailbox: Mailbox, after: EventId | None = None) -> None:
        """From here on this client gets every event but log lines; those up to `after` it has already."""
        if not mailbox.listening:
            mailbox.listening = True
            mailbox.after = max(mailbox.after, self.position, after or BEGINNING)

    async def watch(self, mailbox: Mailbox, execution_id: str) -> None:
        """From here on this client gets the log lines of this execution."""
        mailbox.watched.add(execution_id)
        if self._client is not None:
            try:
                await self._client.set(watch_key(execution_id), 1, ex=WATCHED_FOR_S)
            except RedisError as error:
                logger.debug("the relay says it again when Valkey is back: %s", error)

    async def reaches_back(self, after: EventId) -> bool:
        """Whether `missed` could tell everything that came after this event. False also when Valkey is away."""
        try:
            return self._client is not None and await reaches_back(self._client, after)
        except RedisError:
            return False

    async def missed(self, after: EventId, up_to: EventId) -> AsyncIterator[list[Received]]:
        """Pages of the events after one and up to another, without log lines. Raises Missed when some are gone."""
        try:
            while after < up_to:
                page = await entries(self._client, after, count=PAGE + 1) if self._client else []
                if not page or page[0].id != after or any(event.is_gap for event in page[1:]):
                    raise Missed
                yield [event for event in page[1:] if event.id <= up_to and event.audience is None]
                after = page[-1].id if len(page) > PAGE else up_to
        except RedisError as error:
            raise Missed from error

    def _start(self) -> None:
        self._ready.clear()
        self._task = asyncio.create_task(self._run(), name="pulse-relay")
        self._task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """A relay that ends by itself has met a mistake of ours: say so, and begin anew."""
        if task.cancelled() or task is not self._task:
            return
        logger.error("the event relay failed and is started again", exc_info=task.exception())
        self._task = None
        asyncio.get_running_loop().call_later(BACKOFF_CAP_S, self._restart)

    def _restart(self) -> None:
        if self._mailboxes and self._task is None:
            self._start()

    async def _run(self) -> None:
        self.position, failures = BEGINNING, 0
        while True:
            client = connect()
            try:
                await self._catch_up(client)
                if failures:
                    logger.warning("events come again")
                self._client, failures = client, 0
                self._ready.set()
                while True:
                    await self._read(client)
            except (RedisError, OSError) as error:
                if self._client is not None or not failures:
                    logger.warning("events stopped coming, trying again: %s", error)
            finally:
                self._client = None
                self._ready.clear()
                await client.aclose()
            failures += 1
            await asyncio.sleep(min(BACKOFF_CAP_S, BACKOFF_S * 2.0 ** min(failures, 10)))

    async def _catch_up(self, client: Redis) -> None:
        """Find the place to read on from, and tell those who may have missed something."""
        no_gap = self.position != BEGINNING and await reaches_back(client, self.position)
        if not no_gap:
            self.position = await newest(client)
        for mailbox in self._mailboxes:
            if mailbox.listening and not no_gap:
                mailbox.refetch(after=self.position)
            elif mailbox.watched:  # whose lines nobody may have known to send
                mailbox.refetch()
        await self._say_watched(client)

    async def _read(self, client: Redis) -> None:
        """Wait for events, and hand them out."""
        stream = settings.PULSE_EVENTS_STREAM
        reply: Any = await client.xread({stream: str(self.position)}, count=PAGE, block=BLOCK_MS)
        if time.monotonic() - self._watched_said_at > SAY_WATCHED_EVERY_S:
            await self._say_watched(client)
        if not reply:
            return
        fresh = reply[0][1]
        if self.position != BEGINNING and not await exists(client, self.position):
            logger.warning("the event stream was cut faster than it was read: clients are told to fetch again")
            for mailbox in self._mailboxes:
                mailbox.refetch()
        events = [event for entry in fresh if (event := received(entry))]
        for mailbox in self._mailboxes:
            mailbox.put(events)
        self.position = EventId.parse(fresh[-1][0])
        await asyncio.sleep(READ_EVERY_S)

    async def _say_watched(self, client: Redis) -> None:
        self._watched_said_at = time.monotonic()
        watched = {execution_id for mailbox in self._mailboxes for execution_id in mailbox.watched}
        if watched:
            async with client.pipeline(transaction=False) as pipeline:
                for execution_id in watched:
                    pipeline.set(watch_key(execution_id), 1, ex=WATCHED_FOR_S)
                await pipeline.execute()


def connect() -> Redis:
    """A client that tries once and says so: the relay has its own patience."""
    return Redis.from_url(
        settings.REDIS_URL,
        decode_responses=True,
        protocol=2,
        socket_timeout=SOCKET_TIMEOUT_S,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


async def newest(client: Redis) -> EventId:
    """The stream's last event; BEGINNING where there is none."""
    last: Any = await client.xrevrange(settings.PULSE_EVENTS_STREAM, count=1)
    return EventId.parse(last[0][0]) if last else BEGINNING


async def entries(client: Redis, first: EventId, *, count: int) -> list[Received]:
    """The events from `first` on, itself included if it is still there."""
    found: Any = await client.xrange(settings.PULSE_EVENTS_STREAM, min=str(first), count=count)
    return [event for entry in found if (event := received(entry))]


async def exists(client: Redis, event_id: EventId) -> bool:
    found = await client.xrange(settings.PULSE_EVENTS_STREAM, min=str(event_id), max=str(event_id), count=1)
    return bool(found)


async def reaches_back(client: Redis, event_id: EventId) -> bool:
    """Whether the stream certainly holds everything that came after this event.

    Not when the event itself was trimmed. Not either when Valkey has restarted since: it may have lost its last
    second, and which events those were nobody can tell.
    """
    now_s, _ = await client.time()
    started_s = now_s - (await client.info("server"))["uptime_in_seconds"]  # whole seconds: it was in this one
    return event_id.ms >= (started_s + 1) * 1000 and await exists(client, event_id)


_relays: WeakKeyDictionary[asyncio.AbstractEventLoop, Relay] = WeakKeyDictionary()


def relay_of_this_loop() -> Relay:
    return _relays.setdefault(asyncio.get_running_loop(), Relay())
