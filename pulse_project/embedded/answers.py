"""Whether web, worker and beat do their work."""

from datetime import datetime
from http.client import HTTPConnection, HTTPException

from django.conf import settings

from pulse.models import Worker
from pulse_project.embedded.ports import LOOPBACK
from schedules.models import Beat

TIMEOUT_S = 2.0


def web(port: int) -> bool:
    """Asked on loopback, without the proxy that the environment may name."""
    host = next((host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"), LOOPBACK)
    asked = HTTPConnection(LOOPBACK, port, timeout=TIMEOUT_S)
    try:
        asked.request("GET", "/healthz/", headers={"Host": host})
        return asked.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        asked.close()


def worker(pid: int, since: datetime) -> bool:
    """Its main process wrote its heartbeat since then: an earlier one may have had the same process id."""
    return Worker.objects.filter(pid=pid, heartbeat_at__gte=since).exists()


def beat(pid: int, since: datetime) -> bool:
    """It has looked for due schedules since then."""
    return Beat.objects.filter(pid=pid, last_tick_at__gte=since).exists()
