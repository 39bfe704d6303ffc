"""Lines logged during executions. Stage and task are labels, on purpose: there are no tables of them."""

from typing import Any, Self

from django.db import models
from django.db.models import Count, Max, Min, Q
from django.db.models.functions import Coalesce

from pulse import ids
from tasklogs.lines import LABEL_MAX


class TaskLogQuerySet(models.QuerySet["TaskLog"]):
    def counted(self) -> list[dict[str, Any]]:
        """Lines, first id, first and last time for each stage, task and level, in the order of their first lines.

        A line without a task counts under the task named as its stage.
        """
        groups = (
            self.annotate(task_label=Coalesce("task_id", "stage"))  # before grouping: NULL and the name are one task
            .order_by()
            .values("stage", "task_label", "level")
            .annotate(lines=Count("id"), first=Min("id"), first_at=Min("timestamp"), last_at=Max("timestamp"))
            .order_by("first")
        )
        return [dict(group) for group in groups]

    def of_task(self, task_id: str) -> Self:
        """Lines of one task; a line without a task belongs to the task named as its stage."""
        return self.filter(Q(task_id=task_id) | Q(task_id=None, stage=task_id))  # each half has its index


class TaskLog(models.Model):
    """One line logged during an execution."""

    class Level(models.TextChoices):
        DEBUG = "debug"
        INFO = "info"
        WARN = "warn"
        ERROR = "error"

    id = models.BigAutoField(primary_key=True)
    execution_id = models.CharField(max_length=ids.MAX_LENGTH)
    job_id = models.CharField(max_length=ids.MAX_LENGTH, null=True, blank=True)
    seq = models.BigIntegerField()  # from 1 within its execution: order, key and resume point
    stage = models.CharField(max_length=LABEL_MAX, default="unknown")
    task_id = models.CharField(max_length=LABEL_MAX, null=True, blank=True)
    timestamp = models.DateTimeField()
    level = models.CharField(max_length=5, choices=Level.choices, default=Level.INFO)
    message = models.TextField()
    metadata = models.JSONField(null=True, blank=True)

    objects = TaskLogQuerySet.as_manager()

    class Meta:
        db_table = "task_logs"
        ordering = ["id"]
        constraints = [models.UniqueConstraint(fields=["execution_id", "seq"], name="task_logs_line")]
        indexes = [
            models.Index(fields=["job_id", "id"], name="task_logs_job"),
            models.Index(fields=["task_id", "id"], name="task_logs_task", condition=Q(task_id__isnull=False)),
            models.Index(fields=["stage", "id"], name="task_logs_stage", condition=Q(task_id__isnull=True)),
            models.Index(fields=["timestamp"], name="task_logs_time"),
        ]

    def __str__(self) -> str:
        return f"{self.execution_id}:{self.seq} {self.message[:60]}"
