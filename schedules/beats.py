"""The row in which a `celery beat` process says that it lives, and how late it is."""

import os
import secrets
import socket
from datetime import timedelta
from typing import Final

from pulse import clock
from schedules.models import Beat

KEPT: Final = timedelta(days=1)  # rows of beats that are gone


class Heartbeat:
    """This process's row. Every method raises django.db.Error when the database is away."""

    def __init__(self) -> None:
        self.hostname, self.pid, self.started_at = socket.gethostname(), os.getpid(), clock.now()
        self.id = f"{self.hostname}:{self.pid}:{secrets.token_hex(4)}"

    def write(self, *, lag_s: float) -> None:
        """Say that it lives; the first time, forget the beats that are long gone."""
        now = clock.now()
        if Beat.objects.filter(pk=self.id).update(last_tick_at=now, tick_lag_s=lag_s):
            return
        Beat.objects.filter(last_tick_at__lt=now - KEPT).delete()
        Beat.objects.create(
            id=self.id,
            hostname=self.hostname,
            pid=self.pid,
            started_at=self.started_at,
            last_tick_at=now,
            tick_lag_s=lag_s,
        )

    def stop(self) -> None:
        """Say that it left."""
        Beat.objects.filter(pk=self.id).update(stopped_at=clock.now())
