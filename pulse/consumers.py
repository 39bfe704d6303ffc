"""The socket at /ws/pulse/: people who are logged in subscribe, and it forwards. The protocol: docs/realtime.md."""

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Final
from urllib.parse import parse_qs

from channels.auth import get_user
from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError

from pulse import ids
from pulse.mailbox import EventId, Mailbox, batch
from pulse.relay import Missed, Relay, relay_of_this_loop

logger = logging.getLogger(__name__)

FRAME_EVERY_S: Final = 0.25  # at most 4 frames of events a second
REFETCH_EVERY_S: Final = 2.0  # in a flood, clients fetch at this pace instead of following
MESSAGE_CHARS: Final = 4_096  # of one message of a client
WATCHED_MAX: Final = 20  # executions that one client may watch
NOT_LOGGED_IN: Final = 4401  # close code

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Refused(Exception):
    """What a client sent makes no sense; it is told so. `code` is part of the protocol."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class PulseConsumer(AsyncWebsocketConsumer):
    """One client. Its tasks and its mailbox end with its connection, however that ends."""

    relay: Relay
    mailbox: Mailbox
    background: asyncio.TaskGroup
    tasks: set[asyncio.Task[None]]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Send) -> None:
        self.mailbox, self.tasks = Mailbox(), set()
        self.relay = relay_of_this_loop()
        try:
            async with asyncio.TaskGroup() as self.background:
                await super().__call__(scope, receive, patient(send))
                for task in self.tasks:
                    task.cancel()
        except* OSError:  # it went away, or did not read for too long
            logger.info("a client of the event socket was given up")
        finally:
            self.relay.leave(self.mailbox)

    async def connect(self) -> None:
        await self.accept()  # a close code can only be told on an open socket
        if not self.scope["user"].is_authenticated:
            await self.close(code=NOT_LOGGED_IN, reason="log in first")
            return
        joined = await self.relay.join(self.mailbox)
        await self.tell({"type": "hello", "event_id": str(self.relay.position) if joined else None})
        await self._resume()
        self._start(self._watch_session())

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        try:
            await self._obey(read(text_data))
        except Refused as refusal:
            await self.tell_refusal(refusal)

    async def tell(self, frame: dict[str, Any]) -> None:
        await self.send(text_data=json.dumps(frame))

    async def tell_refusal(self, refusal: Refused) -> None:
        await self.tell({"type": "error", "code": refusal.code, "message": str(refusal)})

    async def _obey(self, message: dict[str, Any]) -> None:
        action = message.get("action")
        if action == "ping":
            await self.tell({"type": "pong"})
        elif action in ("subscribe", "unsubscribe"):
            topic = read_topic(message)
            await (self._subscribe(topic) if action == "subscribe" else self._unsubscribe(topic))
            names = {"topic": "all"} if topic is None else {"topic": "execution", "id": topic}
            await self.tell({"type": f"{action}d", **names})
        else:
            raise Refused("unknown_action", "action must be subscribe, unsubscribe or ping")

    async def _subscribe(self, execution_id: str | None) -> None:
        if execution_id is None:
            self.relay.listen(self.mailbox)
        elif execution_id in self.mailbox.watched or len(self.mailbox.watched) < WATCHED_MAX:
            await self.relay.watch(self.mailbox, execution_id)
        else:
            raise Refused("too_many_subscriptions", f"a client may watch at most {WATCHED_MAX} executions")

    async def _unsubscribe(self, execution_id: str | None) -> None:
        if execution_id is None:
            self.mailbox.listening = False
        else:
            self.mailbox.watched.discard(execution_id)

    async def _resume(self) -> None:
        """Where the client said what it has seen, it is subscribed to all from there; then frames begin to flow."""
        given = parse_qs(self.scope["query_string"].decode("latin-1"), keep_blank_values=True).get("last_event_id")
        if given is None:
            self._start(self._deliver())
            return
        after = await self._readable(given[0])
        up_to = self.relay.position
        self.relay.listen(self.mailbox, after)
        if after is None:
            self.mailbox.refetch()
        self._start(self._deliver(after, up_to))

    async def _readable(self, given: str) -> EventId | None:
        """The event a client saw last. None when what came after it cannot be told."""
        try:
            after = EventId.parse(given)
        except ValueError:
            await self.tell_refusal(Refused("invalid_event_id", "last_event_id is not the id of an event"))
            return None
        return after if await self.relay.reaches_back(after) else None

    async def _deliver(self, after: EventId | None = None, up_to: EventId | None = None) -> None:
        """Send what was missed, then what comes, a frame at a time."""
        if after is not None and up_to is not None:
            await self._deliver_missed(after, up_to)
        calm_at = 0.0
        while True:
            await self.mailbox.filled.wait()
            if self.mailbox.must_refetch:
                await asyncio.sleep(calm_at - time.monotonic())
                calm_at = time.monotonic() + REFETCH_EVERY_S
            await self.send(text_data=self.mailbox.take())
            await asyncio.sleep(FRAME_EVERY_S)

    async def _deliver_missed(self, after: EventId, up_to: EventId) -> None:
        try:
            async for page in self.relay.missed(after, up_to):
                if page:
                    await self.send(text_data=batch(page))
                    await asyncio.sleep(FRAME_EVERY_S)
        except Missed:
            self.mailbox.refetch()

    async def _watch_session(self) -> None:
        """End the connection of someone who has logged out, was deactivated, or whose session has expired."""
        while True:
            await asyncio.sleep(settings.PULSE_SOCKET_SESSION_CHECK_S)
            if not await self._is_logged_in():
                await self.close(code=NOT_LOGGED_IN, reason="logged out")
                return

    async def _is_logged_in(self) -> bool:
        key = self.scope["session"].session_key
        try:
            session = import_module(settings.SESSION_ENGINE).SessionStore(key)
            user = await get_user({"session": session})
        except DatabaseError as error:
            logger.warning("a session could not be checked, it is asked again later: %s", error)
            return True
        return bool(user.is_authenticated)

    def _start(self, work: Any) -> None:
        self.tasks.add(self.background.create_task(work))


def patient(send: Send) -> Send:
    """`send` that is silent after a close, and an OSError when the client is gone or does not read for too long."""
    closed = False

    async def send_in_time(message: dict[str, Any]) -> None:
        nonlocal closed
        if closed:
            return
        closed = message["type"] == "websocket.close"
        try:
            async with asyncio.timeout(settings.PULSE_SOCKET_STALLED_S):
                await send(message)
        except RuntimeError as error:  # how uvicorn says that it has given the connection up already
            raise ConnectionResetError(str(error)) from error

    return send_in_time


def read(text: str | None) -> dict[str, Any]:
    """One message of a client. Raises Refused."""
    if text is None:
        raise Refused("invalid_message", "messages are text, not bytes")
    if len(text) > MESSAGE_CHARS:
        raise Refused("message_too_large", f"a message has at most {MESSAGE_CHARS} characters")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused("invalid_message", "the message is not JSON") from error
    if not isinstance(message, dict):
        raise Refused("invalid_message", "a message is a JSON object")
    return message


def read_topic(message: dict[str, Any]) -> str | None:
    """The id of the execution that is meant; None: topic all. Raises Refused."""
    topic, execution_id = message.get("topic"), message.get("id")
    if topic == "all":
        return None
    if topic != "execution":
        raise Refused("unknown_topic", "topic must be all or execution")
    if not (isinstance(execution_id, str) and ids.PATTERN.match(execution_id) and execution_id.startswith("PX_")):
        raise Refused("invalid_id", "id must be an execution's id")
    return execution_id
