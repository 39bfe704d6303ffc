"""Wire shapes of schedules."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from pulse.errors import InvalidInput
from schedules.models import Beat, Schedule, ScheduleState


class ScheduleSerializer(serializers.ModelSerializer[Schedule]):
    interval_seconds = serializers.SerializerMethodField()
    rule = serializers.SerializerMethodField()
    created_from_doc = serializers.CharField(source="created_from")
    ats_code = serializers.SerializerMethodField()
    last_status = serializers.CharField(allow_null=True)
    last_execution_id = serializers.CharField(allow_null=True)
    periodic_task_id = serializers.IntegerField(allow_null=True)

    class Meta:
        model = Schedule
        fields = [
            "id", "name", "handler_name", "payload", "interval_seconds", "cron", "timezone", "rule", "state",
            "state_reason", "next_run_at", "last_run_at", "last_job_id", "last_execution_id", "last_status",
            "created_from_doc", "ats_code", "metadata", "periodic_task_id", "created_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_interval_seconds(self, schedule: Schedule) -> float | None:
        seconds = schedule.interval_s
        return int(seconds) if seconds is not None and seconds.is_integer() else seconds

    def get_ats_code(self, schedule: Schedule) -> str | None:
        """The command string it was made from; none are understood yet."""
        return None

    def get_rule(self, schedule: Schedule) -> str:
        """In words; empty where nothing says when, or what says it cannot be read."""
        try:
            return schedule.rule.words
        except InvalidInput:
            return ""


class SchedulePageSerializer(serializers.Serializer[dict[str, Any]]):
    jobs = ScheduleSerializer(many=True)
    count = serializers.IntegerField()
    total = serializers.IntegerField()
    has_more = serializers.BooleanField()


class EditSerializer(serializers.Serializer[dict[str, Any]]):
    """What `PATCH schedules/{id}/` takes. The shape is checked here, the sense by the services."""

    name = serializers.CharField(required=False, allow_blank=True)
    payload = serializers.JSONField(required=False)
    interval_seconds = serializers.IntegerField(required=False, allow_null=True, source="interval_s")
    cron = serializers.CharField(required=False, allow_null=True, allow_blank=True)
    timezone = serializers.CharField(required=False, allow_blank=True)
    metadata = serializers.JSONField(required=False)
    state = serializers.CharField(required=False)
    state_reason = serializers.CharField(required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """A name that is none is a mistake worth telling; null for one of the two times means the other."""
        given = self.initial_data if isinstance(self.initial_data, Mapping) else {}
        if unknown := sorted(set(given) - set(self.fields)):
            raise serializers.ValidationError({name: [self.unknown(name)] for name in unknown})
        return {
            name: value for name, value in attrs.items() if value is not None or name not in ("interval_s", "cron")
        }

    def unknown(self, name: str) -> str:
        return f"there is no '{name}' to change; there is: {', '.join(self.fields)}"


class NewScheduleSerializer(EditSerializer):
    """What `POST schedules/` takes: exactly one of interval_seconds and cron."""

    handler_name = serializers.CharField()
    created_from_doc = serializers.CharField(required=False, allow_blank=True, source="created_from")
    ats_code = serializers.CharField(required=False, allow_null=True)
    state = None  # type: ignore[assignment]  # a new one is active
    state_reason = None  # type: ignore[assignment]

    def validate_ats_code(self, value: str | None) -> None:
        if value is not None:
            raise serializers.ValidationError("command strings are not understood yet: give handler_name and payload")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        checked = super().validate(attrs)
        checked.pop("ats_code", None)
        return checked

    def unknown(self, name: str) -> str:
        return f"a schedule has no '{name}'; it has: {', '.join(self.fields)}"


class TriggerSerializer(serializers.Serializer[dict[str, Any]]):
    """What `POST schedules/{id}/trigger/` takes; without a payload it is the schedule's own."""

    payload = serializers.JSONField(required=False, allow_null=True, default=None)


class BeatSerializer(serializers.ModelSerializer[Beat]):
    class Meta:
        model = Beat
        fields = ["id", "hostname", "pid", "started_at", "last_tick_at", "tick_lag_s", "stopped_at"]
        read_only_fields = fields


STATES = [state for state in ScheduleState.values if state != ScheduleState.DELETED]
