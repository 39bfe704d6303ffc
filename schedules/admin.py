"""Schedules in the Django admin: a form whose errors stand at their fields, and actions. The services write."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from pulse import clock
from pulse.admin import ReadOnlyAdmin
from pulse.errors import InvalidInput, PulseError
from pulse.registry import registry
from schedules import edits, services
from schedules.edits import Changes, New
from schedules.models import Beat, Schedule, ScheduleState
from schedules.refusals import faults


def handlers() -> list[tuple[str, str]]:
    return [(name, name) for name in registry.names()]


class ScheduleForm(forms.ModelForm[Schedule]):
    handler_name = forms.ChoiceField(choices=handlers, label="Handler")
    payload = forms.JSONField(required=False, initial=dict, help_text="A JSON object, as the handler asks for it.")
    interval_seconds = forms.IntegerField(required=False, help_text="Every so many seconds. Give this or a cron.")
    cron = forms.CharField(required=False, help_text="Minute, hour, day of month, month, day of week: 30 2 * * 1-5")
    timezone = forms.CharField(initial="UTC", help_text="Of the cron, such as Europe/Paris.")

    class Meta:
        model = Schedule
        fields = ("name", "handler_name", "payload", "interval_seconds", "cron", "timezone", "metadata")

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["name"].required = False
        if self.instance.interval_s is not None:
            self.initial["interval_seconds"] = int(self.instance.interval_s)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        try:
            if self.instance._state.adding:
                edits.new_schedule(**self.new(), now=clock.now())
            else:
                edits.edit_of(self.instance, self.changes(), clock.now())
        except InvalidInput as error:
            for fault in faults(error):
                name = str(fault["field"]).split(".")[0]
                if not self.has_error(name):
                    self.add_error(name if name in self.fields else None, fault["message"])
        return cleaned

    def new(self) -> New:
        given = self.cleaned_data
        return {
            "name": given.get("name", ""),
            "handler_name": given.get("handler_name", ""),
            "payload": given.get("payload"),
            "interval_s": given.get("interval_seconds"),
            "cron": given.get("cron") or None,
            "timezone": given.get("timezone", "UTC"),
            "metadata": given.get("metadata"),
            "created_from": "admin",
        }

    def changes(self) -> Changes:
        """What was edited; the times go together, because one of the two takes the other's place."""
        given = self.cleaned_data
        changed: Changes = {}
        if "name" in self.changed_data:
            changed["name"] = given.get("name", "")
        if "payload" in self.changed_data:
            changed["payload"] = given.get("payload") or {}
        if "metadata" in self.changed_data:
            changed["metadata"] = given.get("metadata") or {}
        if {"interval_seconds", "cron", "timezone"} & set(self.changed_data):
            changed["timezone"] = given.get("timezone", "UTC")
            changed["interval_s"] = given.get("interval_seconds")
            changed["cron"] = given.get("cron") or None
        return changed


@admin.register(Schedule)
class ScheduleAdmin(admin.ModelAdmin[Schedule]):
    form = ScheduleForm
    list_display = ("name", "handler_name", "rule_in_words", "state", "state_reason", "next_run_at", "last_run_at")
    list_filter = ("state", "handler_name")
    search_fields = ("id", "name", "handler_name")
    show_full_result_count = False
    actions = ("pause", "resume", "trigger")
    readonly_fields = (
        "id", "rule_in_words", "state", "state_reason", "next_run_at", "last_run_at", "last_job_id", "run_count",
        "created_from", "created_at", "updated_at",
    )  # fmt: skip

    @admin.display(description="rule")
    def rule_in_words(self, schedule: Schedule) -> str:
        try:
            return schedule.rule.words
        except InvalidInput as error:
            return error.message

    def get_queryset(self, request: HttpRequest) -> QuerySet[Schedule]:
        return super().get_queryset(request).exclude(state=ScheduleState.DELETED)

    def get_readonly_fields(self, request: HttpRequest, obj: Schedule | None = None) -> tuple[str, ...]:
        return (*self.readonly_fields, "handler_name") if obj else self.readonly_fields

    def save_model(self, request: HttpRequest, obj: Schedule, form: ScheduleForm, change: bool) -> None:
        if change:
            services.update(obj.pk, **form.changes())
        else:
            obj.pk = services.create(**form.new()).pk

    def delete_model(self, request: HttpRequest, obj: Schedule) -> None:
        services.delete(obj.pk, reason=f"schedule deleted by {request.user.get_username()}")

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Schedule]) -> None:
        for schedule in queryset:
            self.delete_model(request, schedule)

    def changeform_view(self, request: HttpRequest, *args: Any, **options: Any) -> HttpResponse:
        """What was right when the form was checked may be wrong when it is saved: somebody else was faster."""
        try:
            return super().changeform_view(request, *args, **options)
        except PulseError as error:
            self.message_user(request, error.message, messages.ERROR)
            return HttpResponseRedirect(reverse("admin:schedules_schedule_changelist"))

    @admin.action(description="Pause", permissions=["change"])
    def pause(self, request: HttpRequest, schedules: QuerySet[Schedule]) -> None:
        because = f"paused by {request.user.get_username()}"
        self._each(request, schedules, lambda pk: services.pause(pk, reason=because), "paused")

    @admin.action(description="Resume", permissions=["change"])
    def resume(self, request: HttpRequest, schedules: QuerySet[Schedule]) -> None:
        self._each(request, schedules, services.resume, "resumed")

    @admin.action(description="Trigger now", permissions=["change"])
    def trigger(self, request: HttpRequest, schedules: QuerySet[Schedule]) -> None:
        source = request.user.get_username()
        self._each(request, schedules, lambda pk: services.trigger(pk, source=source), "triggered")

    def _each(
        self, request: HttpRequest, schedules: QuerySet[Schedule], act: Callable[[str], object], done: str
    ) -> None:
        count = 0
        for schedule_id in schedules.values_list("pk", flat=True):
            try:
                act(schedule_id)
            except PulseError as error:
                self.message_user(request, error.message, messages.WARNING)
            else:
                count += 1
        self.message_user(request, f"{count} schedules were {done}.")


@admin.register(Beat)
class BeatAdmin(ReadOnlyAdmin):
    list_display = ("hostname", "pid", "started_at", "last_tick_at", "tick_lag_s", "stopped_at")
