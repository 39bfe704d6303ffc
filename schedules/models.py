"""Schedules: one row beside each django-celery-beat PeriodicTask. The PeriodicTask says when it is due; that is kept
here as the ticker reads it. What happens around that is the Schedule's own."""

from datetime import datetime, timedelta
from typing import Any, Final, Self

from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.db.models.functions import Now
from django_celery_beat.models import PeriodicTask

from pulse import clock, ids
from pulse.errors import InvalidInput
from pulse.models import Job
from pulse.text import storable
from schedules.timing import Cron, Interval, Once, Rule, next_after

ENDED: Final = "its last due time has passed"


class ScheduleState(models.TextChoices):
    ACTIVE = "active"
    PAUSED = "paused"
    STOPPING = "stopping"  # fires no more; inactive once its last job has ended
    INACTIVE = "inactive"
    DELETED = "deleted"


S = ScheduleState
ALLOWED: Final[dict[ScheduleState, frozenset[ScheduleState]]] = {
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
        fields = {"updated_at": clock.now(), **fields}
        return self.filter(pk=schedule_id, state__in=sources(to)).update(state=to, **fields) == 1

    def present(self) -> Self:
        return self.exclude(state=ScheduleState.DELETED)

    def due(self) -> Self:
        """What is to be fired now, by the database's clock, the most overdue first."""
        now = Now()  # statement_timestamp(): unlike clock_timestamp() it lets PostgreSQL use the index
        due = self.filter(state=ScheduleState.ACTIVE, next_run_at__lte=now).order_by("next_run_at")
        return due.annotate(db_now=now, lag=now - F("next_run_at"))

    def stopped(self) -> Self:
        """Stopping ones whose jobs have all ended."""
        running = Job.objects.active().filter(schedule_id=OuterRef("pk"))
        return self.filter(~models.Exists(running), state=ScheduleState.STOPPING)

    def matching(self, *, state: str | None, handler_name: str | None, text: str | None) -> Self:
        """Those in a state, of a handler, with a text in their name, handler's name or id; None and "" match all."""
        found = self.filter(state=state) if state else self
        found = found.filter(handler_name=storable(handler_name)) if handler_name else found
        if not text:
            return found
        part = storable(text)
        named = Q(name__icontains=part) | Q(handler_name__icontains=part) | Q(pk__icontains=part)
        return found.filter(named)

    def with_last_job(self) -> Self:
        """Each with `last_status` and `last_execution_id` of its newest job."""
        last = Job.objects.filter(pk=OuterRef("last_job_id"))
        return self.annotate(
            last_status=Subquery(last.values("status")), last_execution_id=Subquery(last.values("execution_id"))
        )


class Schedule(models.Model):
    """When to ask for jobs of a handler."""

    id = models.CharField(primary_key=True, max_length=ids.MAX_LENGTH, default=ids.schedule_id, editable=False)
    periodic_task = models.OneToOneField(
        PeriodicTask, null=True, blank=True, on_delete=models.SET_NULL, related_name="schedule"
    )  # null once deleted: history outlives it
    periodic_task_seen = models.CharField(max_length=32, default="", blank=True)  # its fingerprint when last read
    name = models.CharField(max_length=200)
    handler_name = models.CharField(max_length=200)
    payload = models.JSONField(default=dict, blank=True)
    state = models.CharField(max_length=10, choices=ScheduleState.choices, default=ScheduleState.ACTIVE)
    state_reason = models.TextField(default="", blank=True)  # why it is not active, in one sentence

    # what the PeriodicTask says of when; at most one of the first three is set
    interval_s = models.FloatField(null=True, blank=True)
    cron = models.CharField(max_length=700, null=True, blank=True)
    once_at = models.DateTimeField(null=True, blank=True)
    timezone = models.CharField(max_length=64, default="UTC")  # IANA name, of the cron
    anchor_at = models.DateTimeField(default=clock.now)  # an interval's due times are counted from here
    starts_at = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    is_one_off = models.BooleanField(default=False)

    next_run_at = models.DateTimeField(null=True, blank=True)
    last_run_at = models.DateTimeField(null=True, blank=True)
    last_job_id = models.CharField(max_length=ids.MAX_LENGTH, null=True, blank=True)
    run_count = models.PositiveBigIntegerField(default=0)  # due times that got a job
    created_from = models.CharField(max_length=200, default="", blank=True)  # a document, an app, `api`, `admin`
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)  # by people; firing leaves it alone

    db_now: datetime  # on rows of `due()`: the database's time
    lag: timedelta  # on rows of `due()`: how overdue it is
    last_status: str | None  # on rows of `with_last_job()`
    last_execution_id: str | None  # on rows of `with_last_job()`

    objects = ScheduleQuerySet.as_manager()

    class Meta:
        db_table = "pulse_schedule"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="pulse_schedule_active_has_next",
                condition=~Q(state="active") | Q(next_run_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["next_run_at"], name="pulse_schedule_due", condition=Q(state="active")),
            models.Index(fields=["id"], name="pulse_schedule_stopping", condition=Q(state="stopping")),
            models.Index(fields=["handler_name"], name="pulse_schedule_handler"),
            models.Index(F("created_at").desc(), F("id").desc(), name="pulse_schedule_newest"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def rule(self) -> Rule:
        """Raises InvalidInput where nothing says when."""
        if self.interval_s is not None:
            return Interval(period=timedelta(seconds=self.interval_s), anchor=self.anchor_at)
        if self.cron is not None:
            return Cron(expression=self.cron, timezone=self.timezone)
        if self.once_at is not None:
            return Once(at=self.once_at)
        raise InvalidInput("the schedule has neither an interval nor a cron expression nor a time", field="cron")

    def due_after(self, after: datetime) -> datetime | None:
        """Its first due time later than `after`; None: never again. Raises InvalidInput for a broken rule."""
        return next_after(self.rule, after, starts_at=self.starts_at, ends_at=self.ends_at)


class Beat(models.Model):
    """One `celery beat` process, as it last wrote about itself."""

    id = models.CharField(primary_key=True, max_length=200)  # host, pid and a random part: never used twice
    hostname = models.CharField(max_length=200)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    last_tick_at = models.DateTimeField()
    tick_lag_s = models.FloatField(default=0.0)  # the latest that a schedule was fired in the second before
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "pulse_beat"
        ordering = ["-last_tick_at"]

    def __str__(self) -> str:
        return f"{self.hostname}:{self.pid}"
