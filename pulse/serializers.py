"""Wire shapes of jobs and handlers."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from pulse import services
from pulse.models import DeadLetter, Job, Switch, Worker
from pulse.registry import Handler
from pulse.states import Priority


class PriorityField(serializers.Field[int, Any, Any, Any]):
    """0 (taken first) to 9, or one of the names high, normal and low."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and data.upper() in Priority.__members__:
            return int(Priority[data.upper()])
        if isinstance(data, int) and not isinstance(data, bool) and 0 <= data <= 9:
            return data
        raise serializers.ValidationError("must be high, normal, low, or a number from 0 (taken first) to 9")

    def to_representation(self, value: Any) -> Any:
        return value


class ProgressSerializer(serializers.Serializer[Job]):
    current = serializers.IntegerField(source="progress_current")
    total = serializers.IntegerField(source="progress_total", allow_null=True)
    percentage = serializers.FloatField(source="progress_pct")


class JobSerializer(serializers.ModelSerializer[Job]):
    progress = ProgressSerializer(source="*", read_only=True)
    cost_usd = serializers.SerializerMethodField()
    cost_estimate_usd = serializers.SerializerMethodField()

    class Meta:
        model = Job
        fields = [
            "id", "handler_name", "payload", "status", "queue", "source", "schedule_id", "due_at", "attempt",
            "max_retries", "priority", "execution_id", "progress", "stage", "waiting_reason", "pause_reason",
            "resume_at",
            "cost_usd", "cost_estimate_usd", "result_summary", "error_code", "error_message", "created_at", "run_at",
            "started_at", "finished_at", "updated_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_cost_usd(self, job: Job) -> float:
        return usd(job.cost_micros)

    def get_cost_estimate_usd(self, job: Job) -> float | None:
        return None if job.cost_estimate_micros is None else usd(job.cost_estimate_micros)


class JobPageSerializer(serializers.Serializer[dict[str, Any]]):
    jobs = JobSerializer(many=True)
    count = serializers.IntegerField()
    total = serializers.IntegerField()
    has_more = serializers.BooleanField()


class ChildSerializer(serializers.ModelSerializer[Job]):
    progress_pct = serializers.FloatField()
    cost_estimate = serializers.SerializerMethodField()
    cost_actual = serializers.SerializerMethodField()
    error = serializers.CharField(source="error_message")

    class Meta:
        model = Job
        fields = [
            "id", "handler_name", "source", "status", "progress_pct", "cost_estimate", "cost_actual", "error",
            "created_at", "started_at", "completed_at",
        ]  # fmt: skip

    completed_at = serializers.DateTimeField(source="finished_at")

    def get_cost_estimate(self, job: Job) -> float | None:
        return None if job.cost_estimate_micros is None else usd(job.cost_estimate_micros)

    def get_cost_actual(self, job: Job) -> float:
        return usd(job.cost_micros)


class FamilySerializer(serializers.Serializer[dict[str, Any]]):
    parent_job_id = serializers.CharField()
    children = ChildSerializer(many=True)


class ChildrenSumSerializer(serializers.Serializer[dict[str, Any]]):
    count = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    progress_pct = serializers.FloatField()
    cost_usd = serializers.SerializerMethodField()

    def get_cost_usd(self, family: dict[str, Any]) -> float:
        return usd(family["cost_micros"])


class JobWithFamilySerializer(JobSerializer):
    children = serializers.SerializerMethodField()

    class Meta(JobSerializer.Meta):
        fields = [*JobSerializer.Meta.fields, "parent_id", "checkpoint", "children"]

    @extend_schema_field(ChildrenSumSerializer)
    def get_children(self, job: Job) -> Any:
        return ChildrenSumSerializer(services.family_summary(job)).data


class NewJobSerializer(serializers.Serializer[dict[str, Any]]):
    """What `POST jobs/` takes."""

    handler_name = serializers.CharField(max_length=200)
    payload = serializers.DictField(required=False)
    run_at = serializers.DateTimeField(required=False)
    max_retries = serializers.IntegerField(required=False, min_value=0, max_value=100)
    priority = PriorityField(required=False)
    concurrency_key = serializers.CharField(required=False, max_length=200)


class ReasonSerializer(serializers.Serializer[dict[str, Any]]):
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)


class HandlerSerializer(serializers.Serializer[Handler]):
    name = serializers.CharField()
    description = serializers.CharField()
    queue = serializers.CharField()
    timeout_s = serializers.FloatField()
    max_retries = serializers.IntegerField()
    on_orphan = serializers.ChoiceField(choices=["retry", "fail"])
    chunk = serializers.IntegerField()
    max_concurrent = serializers.IntegerField(allow_null=True)
    max_concurrent_per_key = serializers.IntegerField(allow_null=True)
    cost_estimate_usd = serializers.FloatField(allow_null=True)
    payload_schema = serializers.SerializerMethodField()

    def get_payload_schema(self, handler: Handler) -> dict[str, Any]:
        return handler.payload.model_json_schema()


class HandlerListSerializer(serializers.Serializer[dict[str, Any]]):
    handlers = HandlerSerializer(many=True)
    count = serializers.IntegerField()


class WorkerSerializer(serializers.ModelSerializer[Worker]):
    class Meta:
        model = Worker
        fields = [
            "id", "name", "pid", "pool", "queues", "concurrency", "load_pct", "is_busy", "started_at", "heartbeat_at",
            "drain_requested_at", "stopped_at",
        ]  # fmt: skip
        read_only_fields = fields


class WorkerListSerializer(serializers.Serializer[dict[str, Any]]):
    workers = WorkerSerializer(many=True)
    count = serializers.IntegerField()


class SwitchSerializer(serializers.Serializer[Switch]):
    scope = serializers.ChoiceField(choices=Switch.Scope.choices)
    name = serializers.CharField(required=False, default="", allow_blank=True, max_length=200)
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if (attrs["scope"] == Switch.Scope.ALL) == bool(attrs["name"]):
            raise serializers.ValidationError({"name": "give a name for a queue or handler, and none for all"})
        return attrs


class DeadLetterSerializer(serializers.ModelSerializer[DeadLetter]):
    class Meta:
        model = DeadLetter
        fields = [
            "id", "job_id", "execution_id", "handler_name", "reason", "error_code", "error_message", "error_details",
            "attempts", "created_at", "resolution", "resolved_at", "resolved_by",
        ]  # fmt: skip
        read_only_fields = fields


class DeadLetterPageSerializer(serializers.Serializer[dict[str, Any]]):
    dead_letters = DeadLetterSerializer(many=True)
    count = serializers.IntegerField()
    total = serializers.IntegerField()
    has_more = serializers.BooleanField()


class DeadLetterFilterSerializer(serializers.Serializer[dict[str, Any]]):
    """Which open letters a bulk action means."""

    handler_name = serializers.CharField(required=False)
    error_code = serializers.CharField(required=False)
    q = serializers.CharField(required=False)


class ResolvedSerializer(serializers.Serializer[dict[str, Any]]):
    resolved = serializers.IntegerField()
    not_possible = serializers.IntegerField()


def usd(micros: int) -> float:
    """Decimal dollars of integer millionths."""
    return micros / 1_000_000
