"""Jobs, workers and switches in the Django admin: rows are shown, services act."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from pulse import services
from pulse.errors import PulseError
from pulse.models import DeadLetter, Job, Switch, Worker


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """Rows that people look at and the engine writes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("id", "handler_name", "status", "attempt", "waiting_reason", "created_at", "finished_at")
    list_filter = ("status", "handler_name", "queue")
    search_fields = ("id", "handler_name", "schedule_id", "error_message")
    show_full_result_count = False
    actions = ("cancel", "pause", "resume")

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._each(request, jobs, services.cancel, "cancelled or told to stop")

    @admin.action(description="Pause", permissions=["operate"])
    def pause(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._each(request, jobs, services.pause, "paused or told to pause")

    @admin.action(description="Resume", permissions=["operate"])
    def resume(self, request: HttpRequest, jobs: QuerySet[Job]) -> None:
        self._each(request, jobs, services.resume, "put back into the queue")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("pulse.change_job")

    def _each(self, request: HttpRequest, jobs: QuerySet[Job], act: Callable[[str], Job], done: str) -> None:
        count = 0
        for job_id in jobs.values_list("pk", flat=True):
            try:
                act(job_id)
            except PulseError as error:
                self.message_user(request, error.message, messages.WARNING)
            else:
                count += 1
        self.message_user(request, f"{count} jobs were {done}.")


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    list_display = ("name", "pid", "queues", "concurrency", "load_pct", "started_at", "heartbeat_at", "stopped_at")
    actions = ("drain",)

    @admin.action(description="Drain: take no new jobs", permissions=["operate"])
    def drain(self, request: HttpRequest, workers: QuerySet[Worker]) -> None:
        for worker_id in workers.filter(stopped_at=None).values_list("pk", flat=True):
            services.drain(worker_id)
        self.message_user(request, "They are told with their next heartbeat.")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("pulse.change_worker")


@admin.register(DeadLetter)
class DeadLetterAdmin(ReadOnlyAdmin):
    list_display = ("job_id", "handler_name", "reason", "error_code", "attempts", "created_at", "resolution")
    list_filter = ("resolution", "reason", "error_code", "handler_name")
    search_fields = ("job_id", "error_message")
    actions = ("retry", "discard")

    @admin.action(description="Retry", permissions=["operate"])
    def retry(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        done, failed = services.retry_matching(letters, by=request.user.get_username())
        self.message_user(request, f"{done} jobs are back in the queue, {failed} could not be retried.")

    @admin.action(description="Discard", permissions=["operate"])
    def discard(self, request: HttpRequest, letters: QuerySet[DeadLetter]) -> None:
        done = services.discard_matching(letters, by=request.user.get_username())
        self.message_user(request, f"{done} dead letters were discarded.")

    def has_operate_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("pulse.change_deadletter")


@admin.register(Switch)
class SwitchAdmin(admin.ModelAdmin[Switch]):
    list_display = ("scope", "name", "reason", "paused_at")

    def save_model(self, request: HttpRequest, obj: Switch, form: Any, change: bool) -> None:
        services.switch_off(Switch.Scope(obj.scope), obj.name, reason=obj.reason)

    def delete_model(self, request: HttpRequest, obj: Switch) -> None:
        services.switch_on(Switch.Scope(obj.scope), obj.name)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Switch]) -> None:
        for switch in queryset:
            self.delete_model(request, switch)
