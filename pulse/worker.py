"""What a Celery worker does for Pulse beside running tasks: it says that it lives, and gives back what it leaves.

The main process writes one heartbeat row; the leases of all jobs that name this worker hang on it. It is written
from Celery's own timer, so it goes on while children burn CPU; not from a thread, because a fork beside a thread may
deadlock the child.
"""

import atexit
import ctypes
import logging
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from celery import bootsteps, current_app, signals
from celery.exceptions import WorkerLostError
from celery.worker import consumer, state
from django.conf import settings
from django.db import Error, close_old_connections, connection
from kombu import Connection, Exchange, Queue
from kombu.transport import redis

from pulse import clock, load, orphans, stream
from pulse.identity import announce_stop, worker_id
from pulse.models import Worker
from pulse.registry import registry

logger = logging.getLogger(__name__)
PR_SET_PDEATHSIG: Final = 1
FIRST_BEAT_AGAIN_S: Final = 1.0
RECONNECT_S: Final = 5.0  # between two tries to reach the broker, at most

lost: Final[deque[tuple[str, str]]] = deque()  # messages whose process died, with the reason, not yet written


class Heartbeat(bootsteps.StartStopStep):
    """Keeps the worker's row fresh from the main process's timer."""

    requires = {"celery.worker.components:Timer"}

    def __init__(self, parent: Any, **options: Any) -> None:
        super().__init__(parent, **options)
        self.main_pid = os.getpid()
        self.beat_at = 0.0  # monotonic
        worker_id()

    def start(self, parent: Any) -> None:
        self.name, self.concurrency = parent.hostname, parent.concurrency or 1
        self.pool = "prefork" if "prefork" in parent.pool_cls.__module__ else "threads"
        self.queues = sorted(parent.app.amqp.queues.consume_from)
        self.parent = parent
        self.is_busy = False
        while not self.beat():  # a job of a worker that is not in the database would be taken for lost
            state.maybe_shutdown()
            time.sleep(FIRST_BEAT_AGAIN_S)
        parent.timer.call_repeatedly(settings.PULSE_WORKER_HEARTBEAT_S, self.beat)
        parent.pulse_heartbeat = self
        atexit.register(self.leave)

    def beat_if_due(self) -> None:
        """For who keeps the timer from running."""
        if time.monotonic() - self.beat_at >= settings.PULSE_WORKER_HEARTBEAT_S:
            self.beat()

    def beat(self) -> bool:
        """Write the row, and stop taking jobs if an operator asked for it. False when it could not be written."""
        self.beat_at = time.monotonic()
        pressure = load.sample().pressure
        limit = settings.PULSE_LOAD_RESUME_BELOW if self.is_busy else settings.PULSE_LOAD_PAUSE_ABOVE
        self.is_busy = pressure is not None and pressure > limit
        row = {
            "name": self.name,
            "pid": self.main_pid,
            "queues": self.queues,
            "concurrency": self.concurrency,
            "pool": self.pool,
            "load_pct": pressure,
            "is_busy": self.is_busy,
            "heartbeat_at": clock.now(),
        }
        try:
            close_old_connections()
            mine, _ = Worker.objects.update_or_create(pk=worker_id(), defaults=row)
            handle_lost()
        except Error as error:
            connection.close()
            logger.warning("the worker's heartbeat was not written: %s", error)
            return False
        if mine.drain_requested_at:
            self.drain()
        return True

    def drain(self) -> None:
        """Take no new jobs; what runs goes on."""
        for queue in list(self.parent.app.amqp.queues.consume_from):
            logger.warning("drained by an operator: takes nothing more from queue %s", queue)
            self.parent.consumer.cancel_task_queue(queue)

    def leave(self) -> None:
        """The pool is gone: what it left goes back to the queue, and the row says that the worker stopped."""
        if os.getpid() != self.main_pid:
            return
        try:
            connection.close()
            Worker.objects.filter(pk=worker_id()).update(stopped_at=clock.now())
            orphans.give_back(worker_id())
        except Error as error:
            logger.warning("could not say that the worker stopped, its lease will run out instead: %s", error)
        stream.flush()


class Consumer(consumer.Consumer):
    """Celery's, but for what it does while the broker is away (settings.CELERY_WORKER_CONSUMER).

    Celery's waits for the broker without running the timer: the heartbeat would stop, and the jobs that go on
    meanwhile would be taken for lost.
    """

    def ensure_connected(self, conn: Connection) -> Connection:
        ensure = conn.ensure_connection

        def ensure_and_beat(*args: Any, callback: Callable[[], None], **options: Any) -> Connection:
            def meanwhile() -> None:
                callback()
                self.controller.pulse_heartbeat.beat_if_due()

            return ensure(*args, callback=meanwhile, interval_max=RECONNECT_S, **options)

        conn.ensure_connection = ensure_and_beat
        connected = super().ensure_connected(conn)
        self.watch_processes()
        return connected

    def watch_processes(self) -> None:
        """Where several pool processes died at once, Celery stops watching one of those that took their place, and
        stumbles over that when it connects again."""
        for process in getattr(getattr(self.pool, "_pool", None), "_pool", ()):
            if getattr(process, "_sentinel_poll", 0) is None:
                del process._sentinel_poll

    def on_connection_error_after_connected(self, exc: Exception) -> None:
        """With Redis, Celery would use the lost connection once more, to give back and later to acknowledge the
        messages of what runs; that fails in a way that ends the worker."""
        if isinstance(self.connection.transport, redis.Transport):
            for channel in self.connection.transport.channels:
                channel.do_restore = False
                channel.basic_ack = self.acknowledge
        super().on_connection_error_after_connected(exc)

    def acknowledge(self, delivery_tag: str, multiple: bool = False) -> None:
        """Over the new connection: Redis knows a message by its tag, whichever way it came."""
        if self.connection is not None:
            self.connection.default_channel.qos._remove_from_indices(delivery_tag).execute()


@signals.setup_logging.connect
def set_console_level(*, loglevel: int, **_: Any) -> None:
    """`--loglevel` is about the console; what goes to the log of a run is not touched by it."""
    for handler in logging.getLogger().handlers:
        if handler.name == "console":
            handler.setLevel(loglevel)


@signals.worker_process_init.connect
def follow_parent(**_: Any) -> None:
    """A pool process whose main process is killed ends with it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)


@signals.worker_process_shutdown.connect
def send_last_events(**_: Any) -> None:
    stream.flush()


@signals.worker_shutting_down.connect
def bound_the_drain(*, sig: str, **_: Any) -> None:
    """A warm stop waits for running jobs without limit; after the grace it becomes a cold one."""
    announce_stop()
    if sig == "SIGTERM":
        timer = threading.Timer(settings.PULSE_STOP_GRACE_S, os.kill, (os.getpid(), signal.SIGQUIT))
        timer.daemon = True
        timer.start()


@signals.task_failure.connect
def handle_lost_process(*, task_id: str, exception: BaseException, **_: Any) -> None:
    """In the main process: the pool process that ran this job was killed."""
    if isinstance(exception, WorkerLostError):
        lost.append((task_id, f"the process that ran it died: {exception}"))
        try:
            handle_lost()
        except Error as error:
            connection.close()
            logger.warning("job %s, whose process died, is seen to with the next heartbeat: %s", task_id, error)


def handle_lost() -> None:
    """Raises django.db.Error: then it is to be called again."""
    while lost:
        message_id, because = lost[0]
        orphans.handle_lost(message_id, worker_id=worker_id(), because=because)
        lost.popleft()


@signals.celeryd_init.connect
def listen_to_all_queues(*, conf: Any, options: dict[str, Any] | None = None, **_: Any) -> None:
    """Without `-Q`, a worker takes from every queue that a handler names."""
    names = {conf.task_default_queue, *registry.queues()}
    # each with an exchange of its own: on a shared one, what a worker publishes would reach every queue
    conf.task_queues = [Queue(name, Exchange(name), routing_key=name) for name in sorted(names)]


def install() -> None:
    """Add the heartbeat to the application's workers."""
    current_app.steps["worker"].add(Heartbeat)
