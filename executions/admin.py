"""Executions in the Django admin: to look at."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from executions.models import Execution
from pulse.admin import ReadOnlyAdmin
from pulse.registry import registry


class HandlerFilter(admin.SimpleListFilter):
    """By registered handler: asking the table which names it holds would read all of it."""

    title = "handler"
    parameter_name = "handler_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, name) for name in registry.names()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Execution]) -> QuerySet[Execution]:
        return queryset.filter(handler_name=self.value()) if self.value() else queryset


@admin.register(Execution)
class ExecutionAdmin(ReadOnlyAdmin):
    list_display = ("id", "handler_name", "status", "attempt", "started_at", "duration_ms", "worker", "error_code")
    list_filter = ("status", HandlerFilter, "started_at", "error_code")
    search_fields = ("=id", "=job_id", "=scheduled_job_id", "=celery_task_id")
    show_full_result_count = False
