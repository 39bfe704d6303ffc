"""The scheduler that runs in `celery beat`: fires what is due, and each second does what keeps jobs from being lost.

It holds no schedule in memory and takes no lock that outlives its process: any number of beats share the work, and
one that is killed at any line loses nothing. PostgreSQL or the broker being away is said once and waited out.
"""

import logging
import time
from typing import Any, Final

from django.db import Error as DatabaseFault
from django.db import close_old_connections, connection
from django_celery_beat.models import PeriodicTasks
from django_celery_beat.schedulers import DatabaseScheduler

from pulse import clock
from pulse.publisher import BROKER_FAULTS, publish
from pulse.sweeper import sweep
from schedules import firing, services, sync
from schedules.beats import Heartbeat

logger = logging.getLogger(__name__)
SECOND: Final = 1.0  # seconds between two rounds of what is done beside firing; also the longest sleep
SHORTEST_SLEEP_S: Final = 0.02
RETRY_S: Final = 1.0  # after the database was away
SYNC_BATCH: Final = 100  # PeriodicTasks read again in one round
FULL_SYNC_EVERY_S: Final = 300.0  # a bulk edit that nobody announced is seen after that long

# A beat that is frozen (SIGSTOP, a lost network) must not keep its rows locked for the others.
SESSION: Final = """
SET idle_in_transaction_session_timeout = '5s';
SET lock_timeout = '5s';
SET statement_timeout = '30s';
"""


class PulseScheduler(DatabaseScheduler):
    """django-celery-beat's scheduler with another loop: `celery beat -S schedules.ticker:PulseScheduler`."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.max_interval = SECOND
        self.heartbeat = Heartbeat()
        self.lag_s = 0.0  # the largest since the last heartbeat
        self.trouble = ""  # what keeps it from working; empty when all is well
        self._session: Any = None  # the connection that SESSION was said to
        self._is_ticking = False
        self._second_at = self._full_sync_at = 0.0
        self._last_change: Any = None
        self._has_unseen = True

    def setup_schedule(self) -> None:
        """Entries of Celery's own `beat_schedule` become PeriodicTasks, as django-celery-beat makes them."""
        self.update_from_dict(self.app.conf.beat_schedule)

    @property
    def schedule(self) -> dict[str, Any]:
        """Nothing of it is held in memory."""
        return {}

    def sync(self) -> None:
        """Nothing is held back that would have to be written."""

    def tick(self, *_: Any, **__: Any) -> float:
        """One round. Returns how many seconds to sleep; raises nothing while the database or the broker is away."""
        self._is_ticking = True
        try:
            self._prepare_session()
            return self._round()
        except (DatabaseFault, *BROKER_FAULTS) as error:
            self._wait_out(error)
            return RETRY_S
        finally:
            self._is_ticking = False

    def close(self) -> None:
        """Say that this beat leaves. Celery calls it from a signal handler, too: then not in the middle of a tick."""
        super().close()
        if not self._is_ticking:
            try:
                self.heartbeat.stop()
            except DatabaseFault as error:
                logger.warning("beat could not say that it stops: %s", error)

    def _round(self) -> float:
        fired = firing.fire_due()
        publish(fired.jobs)
        self.lag_s = max(self.lag_s, fired.lag_s)
        if time.monotonic() - self._second_at >= SECOND:
            self._second_at = time.monotonic()
            self._once_a_second()
        self._say_recovered()
        if fired.is_full:
            return 0.0
        wait_s = firing.seconds_to_next()
        return SECOND if wait_s is None else min(SECOND, max(SHORTEST_SLEEP_S, wait_s))

    def _once_a_second(self) -> None:
        close_old_connections()
        self.heartbeat.write(lag_s=self.lag_s)
        self.lag_s = 0.0
        self._follow_edits()
        services.finish_stopping()
        sweep(clock.now())

    def _follow_edits(self) -> None:
        """Edits that no receiver saw. django-celery-beat notes the time of each change in one row."""
        change = PeriodicTasks.last_change()
        is_old = time.monotonic() - self._full_sync_at >= FULL_SYNC_EVERY_S
        if change != self._last_change or is_old or self._has_unseen:
            self._last_change, self._full_sync_at = change, time.monotonic()
            self._has_unseen = sync.sync_unseen(SYNC_BATCH) == SYNC_BATCH

    def _prepare_session(self) -> None:
        connection.ensure_connection()
        if connection.connection is not self._session:
            with connection.cursor() as cursor:
                cursor.execute(SESSION)
            self._session = connection.connection

    def _wait_out(self, error: Exception) -> None:
        connection.close()
        if not self.trouble:
            logger.warning("beat cannot work and tries again every second: %s", " ".join(str(error).split()))
        self.trouble = str(error)

    def _say_recovered(self) -> None:
        if self.trouble:
            logger.warning("beat works again")
            self.trouble = ""
