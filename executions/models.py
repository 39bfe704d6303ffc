"""One row per try at running a job, or per run of any other Celery task of the project."""

from datetime import datetime, timedelta
from typing import Final, Self

from django.db import models
from django.db.models import Q

from pulse import ids
from pulse.models import Worker
from pulse.states import ExecutionStatus

ERROR_CODE_MAX: Final = 40  # characters
OUTSIDE_LOST_AFTER: Final = timedelta(days=1)  # for tasks called outside any worker, whose life nobody watches


class ExecutionQuerySet(models.QuerySet["Execution"]):
    def of(self, job_or_schedule_id: str) -> Self:
        """The executions of one job, or of all jobs of one schedule."""
        wanted = ids.normal(job_or_schedule_id)
        return self.filter(scheduled_job_id=wanted) if wanted.startswith("SP_") else self.filter(job_id=wanted)

    def running_task(self, celery_task_id: str) -> Self:
        """The running executions of one plain Celery task, the newest first."""
        return self.filter(celery_task_id=celery_task_id, job_id=None, status=ExecutionStatus.RUNNING)

    def lost_tasks(self, now: datetime, *, lost_before: datetime) -> Self:
        """Running plain Celery tasks whose worker stopped writing its heartbeat: no job's lease watches over them."""
        alive = Worker.objects.filter(heartbeat_at__gte=lost_before, stopped_at=None).values("pk")
        gone = Q(worker_id__isnull=False) & ~Q(worker_id__in=alive) | Q(
            worker_id=None, started_at__lt=now - OUTSIDE_LOST_AFTER
        )
        return self.filter(job_id=None, status=ExecutionStatus.RUNNING).filter(gone)


class Execution(models.Model):
    """One try at running a job."""

    id = models.CharField(primary_key=True, max_length=ids.MAX_LENGTH, default=ids.execution_id, editable=False)
    job_id = models.CharField(max_length=ids.MAX_LENGTH, null=True, blank=True)  # null: no Pulse handler
    scheduled_job_id = models.CharField(max_length=ids.MAX_LENGTH, null=True, blank=True)  # the schedule's id
    celery_task_id = models.CharField(max_length=255, null=True, blank=True)
    handler_name = models.CharField(max_length=200)  # or the Celery task's name
    attempt = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=10, choices=ExecutionStatus.choices, default=ExecutionStatus.RUNNING)
    worker = models.CharField(max_length=200, default="", blank=True)  # Celery's node name
    worker_id = models.CharField(max_length=200, null=True, blank=True)  # null: called outside any worker
    started_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)
    duration_ms = models.BigIntegerField(null=True, blank=True)
    wait_ms = models.BigIntegerField(null=True, blank=True)  # from when it was asked for, or was due, to started_at
    result_summary = models.TextField(null=True, blank=True)
    error_code = models.CharField(max_length=ERROR_CODE_MAX, null=True, blank=True)
    error_message = models.TextField(null=True, blank=True)
    error_details = models.JSONField(default=list, blank=True)  # list of lines
    cost_micros = models.BigIntegerField(default=0)  # millionths of a US dollar
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ExecutionQuerySet.as_manager()

    class Meta:
        db_table = "pulse_executions"
        ordering = ["-started_at", "-id"]
        constraints = [
            models.CheckConstraint(
                name="pulse_executions_ended_has_a_time",
                condition=Q(status="running", completed_at=None)
                | ~Q(status="running") & Q(completed_at__isnull=False),
            ),
        ]
        indexes = [
            models.Index(fields=["scheduled_job_id", "-started_at"], name="pulse_executions_schedule"),
            models.Index(fields=["job_id", "-started_at"], name="pulse_executions_job"),
            models.Index(fields=["status", "-started_at"], name="pulse_executions_status"),
            models.Index(fields=["handler_name", "-started_at"], name="pulse_executions_handler"),
            models.Index(fields=["-started_at", "-id"], name="pulse_executions_newest"),
            models.Index(
                fields=["celery_task_id"], name="pulse_executions_task", condition=Q(status="running", job_id=None)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.id} {self.handler_name} {self.status}"
