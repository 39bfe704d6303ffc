"""The truth about jobs: one row per job, one per worker, one per switch. Statuses move in `JobQuerySet.move` and in
the engine's claim and settle, each a single conditional UPDATE."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from pulse import ids
from pulse.states import ACTIVE, JobStatus, OnParentFailure, PauseReason, Priority, sources


class JobQuerySet(models.QuerySet["Job"]):
    def move(self, job_id: str, to: JobStatus, **fields: Any) -> bool:
        """Put one job into status `to`. False when it was not in a status that allows it."""
        return self.filter(pk=job_id, status__in=sources(to)).update(status=to, **fields) == 1

    def active(self) -> Self:
        return self.filter(status__in=ACTIVE)

    def due(self, now: datetime) -> Self:
        """Queued jobs that may be published: they wait for no later time."""
        return self.filter(status=JobStatus.QUEUED).filter(Q(run_at=None) | Q(run_at__lte=now))

    def orphaned(self, now: datetime, *, lost_before: datetime) -> Self:
        """Running jobs whose worker stopped or writes no heartbeat any more, or that are past their own deadline."""
        alive = Worker.objects.filter(heartbeat_at__gte=lost_before, stopped_at=None).values("pk")
        return self.filter(status=JobStatus.RUNNING).filter(~Q(worker_id__in=alive) | Q(deadline_at__lt=now))

    def waking(self, now: datetime) -> Self:
        """Paused jobs whose time to try again has come."""
        return self.filter(status=JobStatus.PAUSED, resume_at__lte=now)

    def held_by_switch(self, *, scope: str, name: str) -> Self:
        """Paused jobs that a switch of this scope and name may have kept from starting."""
        held = self.filter(status=JobStatus.PAUSED, waiting_gate="pulse.gates.paused")
        return {"all": held, "queue": held.filter(queue=name), "handler": held.filter(handler_name=name)}[scope]


class Job(models.Model):
    """One piece of work that was asked for."""

    id = models.CharField(primary_key=True, max_length=ids.MAX_LENGTH, default=ids.job_id, editable=False)
    handler_name = models.CharField(max_length=200)
    payload = models.JSONField(default=dict)
    status = models.CharField(max_length=12, choices=JobStatus.choices, default=JobStatus.QUEUED)
    queue = models.CharField(max_length=100, default="default")
    source = models.CharField(max_length=200, default="", blank=True)  # who asked: api, admin, schedule, a user name
    schedule_id = models.CharField(max_length=ids.MAX_LENGTH, null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)  # the due time of the schedule it was fired for
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.SET_NULL, related_name="children")
    on_parent_failure = models.CharField(
        max_length=10, choices=OnParentFailure.choices, default=OnParentFailure.CONTINUE
    )
    priority = models.PositiveSmallIntegerField(default=Priority.NORMAL)  # 0 first, 9 last
    dedup_key = models.CharField(max_length=200, default="", blank=True)
    concurrency_key = models.CharField(max_length=200, default="", blank=True)  # counts beside the handler's limit

    attempt = models.PositiveIntegerField(default=0)  # tries begun, from 1
    failures = models.PositiveIntegerField(default=0)  # tries that count against max_retries
    max_retries = models.PositiveIntegerField(default=2)
    timeout_s = models.FloatField(default=300.0)
    execution_id = models.CharField(max_length=ids.MAX_LENGTH, null=True, blank=True)  # the newest try: the fence
    worker_id = models.CharField(max_length=200, null=True, blank=True)  # the worker that runs it

    created_at = models.DateTimeField(auto_now_add=True)
    run_at = models.DateTimeField(null=True, blank=True)  # not before
    published_at = models.DateTimeField(null=True, blank=True)  # last handed to the broker
    message_id = models.CharField(
        max_length=60, default="", blank=True
    )  # of the chunk's message; empty: the job's id
    aged_at = models.DateTimeField(null=True, blank=True)  # when it was moved ahead after waiting for long
    started_at = models.DateTimeField(null=True, blank=True)  # of the newest try
    deadline_at = models.DateTimeField(null=True, blank=True)  # a running job past it is an orphan
    finished_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    waiting_reason = models.TextField(default="", blank=True)  # one sentence: what it waits for
    waiting_gate = models.CharField(max_length=100, default="", blank=True)  # dotted path of the gate that refused
    pause_reason = models.CharField(max_length=20, choices=PauseReason.choices, default="", blank=True)
    resume_at = models.DateTimeField(null=True, blank=True)
    cancel_requested_at = models.DateTimeField(null=True, blank=True)
    pause_requested_at = models.DateTimeField(null=True, blank=True)

    progress_current = models.BigIntegerField(default=0)
    progress_total = models.BigIntegerField(null=True, blank=True)
    stage = models.CharField(max_length=200, default="", blank=True)
    cost_estimate_micros = models.BigIntegerField(null=True, blank=True)  # millionths of a US dollar
    cost_micros = models.BigIntegerField(default=0)
    checkpoint = models.JSONField(null=True, blank=True)  # where the next try goes on
    result_summary = models.TextField(default="", blank=True)
    error_code = models.CharField(max_length=40, default="", blank=True)
    error_message = models.TextField(default="", blank=True)

    objects = JobQuerySet.as_manager()

    class Meta:
        db_table = "pulse_job"
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["schedule_id", "due_at"],
                name="pulse_job_one_per_due_time",
                condition=Q(due_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["-created_at", "-id"], name="pulse_job_newest"),
            models.Index(fields=["status", "-created_at"], name="pulse_job_status"),
            models.Index(fields=["schedule_id", "-created_at"], name="pulse_job_schedule"),
            models.Index(fields=["published_at", "run_at"], name="pulse_job_queued", condition=Q(status="queued")),
            models.Index(fields=["worker_id"], name="pulse_job_running", condition=Q(status="running")),
            models.Index(fields=["resume_at"], name="pulse_job_paused", condition=Q(status="paused")),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.handler_name} {self.status}"

    @property
    def progress_pct(self) -> float:
        """0 when the total is unknown or 0."""
        return 100 * self.progress_current / self.progress_total if self.progress_total else 0.0


class Worker(models.Model):
    """One Celery worker: its main process writes the heartbeat that keeps the leases of all its jobs."""

    id = models.CharField(primary_key=True, max_length=200)  # host, pid and start: never used twice
    name = models.CharField(max_length=200)  # Celery's node name
    pid = models.PositiveIntegerField()
    queues = models.JSONField(default=list)
    concurrency = models.PositiveIntegerField(default=1)
    pool = models.CharField(max_length=20, default="prefork")  # threads can only be asked to stop
    started_at = models.DateTimeField(auto_now_add=True)
    heartbeat_at = models.DateTimeField()
    load_pct = models.FloatField(null=True)  # 0 to 100 (pulse.load); null where the machine does not say
    is_busy = models.BooleanField(default=False)  # above PULSE_LOAD_PAUSE_ABOVE, until below PULSE_LOAD_RESUME_BELOW
    drain_requested_at = models.DateTimeField(null=True, blank=True)  # takes no new jobs from then on
    stopped_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "pulse_worker"
        indexes = [models.Index(fields=["heartbeat_at"], name="pulse_worker_heartbeat")]

    def __str__(self) -> str:
        return self.name


class Switch(models.Model):
    """What an operator has turned off: everything, a queue or a handler. It survives restarts."""

    class Scope(models.TextChoices):
        ALL = "all"
        QUEUE = "queue"
        HANDLER = "handler"

    scope = models.CharField(max_length=10, choices=Scope.choices)
    name = models.CharField(max_length=200, default="", blank=True)  # of the queue or handler; empty for all
    reason = models.TextField(default="", blank=True)
    paused_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "pulse_switch"
        verbose_name_plural = "switches"
        constraints = [models.UniqueConstraint(fields=["scope", "name"], name="pulse_switch_once")]

    def __str__(self) -> str:
        return f"{self.scope} {self.name}".strip()


class DeadLetter(models.Model):
    """A job set aside after its last failure, kept until a person decides."""

    class Resolution(models.TextChoices):
        RETRIED = "retried"
        DISCARDED = "discarded"

    job = models.ForeignKey(Job, on_delete=models.CASCADE, related_name="dead_letters")
    handler_name = models.CharField(max_length=200)
    reason = models.CharField(max_length=30)  # permanent_failure, max_retry_attempts or worker_lost
    error_code = models.CharField(max_length=40)
    error_message = models.TextField()
    error_details = models.JSONField(default=list)  # list of lines
    attempts = models.PositiveIntegerField()
    execution_id = models.CharField(max_length=ids.MAX_LENGTH, null=True)  # the last try: its error details
    created_at = models.DateTimeField(db_default=Now())
    resolution = models.CharField(max_length=10, choices=Resolution.choices, default="", blank=True)
    resolved_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.CharField(max_length=200, default="", blank=True)

    class Meta:
        db_table = "pulse_dead_letter"
        ordering = ["-created_at", "-id"]
        indexes = [models.Index(fields=["-created_at"], name="pulse_dead_letter_open", condition=Q(resolution=""))]

    def __str__(self) -> str:
        return f"{self.job_id} {self.error_code}"


class DedupKey(models.Model):
    """Which job a key stands for: while that job is active, or until `expires_at`."""

    handler_name = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    job_id = models.CharField(max_length=ids.MAX_LENGTH)
    expires_at = models.DateTimeField(null=True)  # null: while the job is active

    class Meta:
        db_table = "pulse_dedup_key"
        constraints = [models.UniqueConstraint(fields=["handler_name", "key"], name="pulse_dedup_key_once")]

    def __str__(self) -> str:
        return f"{self.handler_name} {self.key}"


class Slot(models.Model):
    """One of the places of a concurrency limit, and the job that sits in it."""

    name = models.CharField(max_length=420)  # what is limited: handler:<name>, or key:<name>:<key>
    number = models.PositiveIntegerField()  # from 1 to the limit
    job_id = models.CharField(max_length=ids.MAX_LENGTH, null=True)

    class Meta:
        db_table = "pulse_slot"
        constraints = [models.UniqueConstraint(fields=["name", "number"], name="pulse_slot_once")]
        indexes = [models.Index(fields=["job_id"], name="pulse_slot_job", condition=Q(job_id__isnull=False))]

    def __str__(self) -> str:
        return f"{self.name} {self.number}"
