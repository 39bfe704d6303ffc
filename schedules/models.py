"""Schedules: one row beside each django-celery-beat PeriodicTask. When it fires is the PeriodicTask's; what happens
around that is the Schedule's."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django_celery_beat.models import PeriodicTask

from pulse import ids


class ScheduleState(models.TextChoices):
    ACTIVE = "active"
    PAUSED = "paused"
    STOPPING = "stopping"
    INACTIVE = "inactive"
    DELETED = "deleted"


S = ScheduleState
ALLOWED: dict[ScheduleState, frozenset[ScheduleState]] = {
    S.ACTIVE: frozenset({S.PAUSED, S.STOPPING, S.INACTIVE, S.DELETED}),
    S.PAUSED: frozenset({S.ACTIVE, S.INACTIVE, S.DELETED}),
    S.STOPPING: frozenset({S.INACTIVE, S.DELETED}),
    S.INACTIVE: frozenset({S.DELETED}),
    S.DELETED: frozenset(),
}


def sources(to: ScheduleState) -> list[ScheduleState]:
    """The states from which a schedule may move to `to`."""
    return [state for state, targets in ALLOWED.items() if to in targets]


class ScheduleQuerySet(models.QuerySet["Schedule"]):
    def move(self, schedule_id: str, to: ScheduleState, **fields: Any) -> bool:
        """Put one schedule into state `to`. False when it was not in a state that allows it."""
        return self.filter(pk=schedule_id, state__in=sources(to)).update(state=to, **fields) == 1

    def present(self) -> Self:
        return self.exclude(state=ScheduleState.DELETED)

    def due(self, now: datetime) -> Self:
        return self.filter(state=ScheduleState.ACTIVE, next_run_at__lte=now).order_by("next_run_at")


class Schedule(models.Model):
    """When to ask for jobs of a handler."""

    id = models.CharField(primary_key=True, max_length=ids.MAX_LENGTH, default=ids.schedule_id, editable=False)
    periodic_task = models.OneToOneField(
        PeriodicTask, null=True, blank=True, on_delete=models.SET_NULL, related_name="schedule"
    )  # null once deleted: history outlives it
    name = models.CharField(max_length=200)
    handler_name = models.CharField(max_length=200)
    payload = models.JSONField(default=dict, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")  # IANA name
    state = models.CharField(max_length=10, choices=ScheduleState.choices, default=ScheduleState.ACTIVE)
    state_reason = models.TextField(default="", blank=True)  # why it is not active, in one sentence
    next_run_at = models.DateTimeField(null=True, blank=True)
    last_run_at = models.DateTimeField(null=True, blank=True)
    last_job_id = models.CharField(max_length=ids.MAX_LENGTH, null=True, blank=True)
    last_execution_id = models.CharField(max_length=ids.MAX_LENGTH, null=True, blank=True)
    created_from = models.CharField(max_length=200, default="", blank=True)  # a document, an app, `api`, `admin`
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        db_table = "pulse_schedule"
        ordering = ["-created_at", "-id"]
        indexes = [
            models.Index(fields=["next_run_at"], name="pulse_schedule_due", condition=Q(state="active")),
            models.Index(fields=["handler_name"], name="pulse_schedule_handler"),
        ]

    def __str__(self) -> str:
        return self.name
