"""Lines in the Django admin: to look at, found by the ids they belong to."""

from django.contrib import admin

from pulse.admin import ReadOnlyAdmin
from tasklogs.models import TaskLog


@admin.register(TaskLog)
class TaskLogAdmin(ReadOnlyAdmin):
    list_display = ("timestamp", "level", "stage", "task_id", "message", "execution_id", "seq")
    list_filter = ("level", "timestamp")
    search_fields = ("=execution_id", "=job_id", "=task_id")
    ordering = ("-id",)
    show_full_result_count = False
