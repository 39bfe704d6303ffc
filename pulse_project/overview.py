"""The one read that crosses the apps for a screen: what runs, what waits, who works."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import Count
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pulse import clock
from pulse.models import Job, Switch, Worker
from pulse.serializers import WorkerSerializer
from pulse.states import JobStatus
from schedules.models import Beat
from schedules.serializers import BeatSerializer


class OverviewView(APIView):
    permission_classes = [IsAuthenticated]

    @extend_schema(operation_id="overview_get", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """Counts of jobs by status, the workers and beats alive, and what is switched off."""
        return Response(overview())


def overview() -> dict[str, Any]:
    alive_since = clock.now() - timedelta(seconds=settings.PULSE_WORKER_LOST_AFTER_S)
    counts = dict.fromkeys(JobStatus.values, 0)
    counts |= dict(Job.objects.order_by().values_list("status").annotate(jobs=Count("pk")))
    workers = Worker.objects.filter(stopped_at=None, heartbeat_at__gte=alive_since).order_by("name")
    beats = Beat.objects.filter(stopped_at=None, last_tick_at__gte=alive_since).order_by("hostname", "pid")
    return {
        "counts": counts,
        "workers": WorkerSerializer(workers, many=True).data,
        "beats": BeatSerializer(beats, many=True).data,
        "switches": list(Switch.objects.values("scope", "name", "reason", "paused_at")),
    }
