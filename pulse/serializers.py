"""Wire shapes of jobs and handlers."""

from typing import Any

from rest_framework import serializers

from pulse.models import Job, Worker
from pulse.registry import Handler


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
            "max_retries", "execution_id", "progress", "stage", "waiting_reason", "pause_reason", "resume_at",
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


class NewJobSerializer(serializers.Serializer[dict[str, Any]]):
    """What `POST jobs/` takes."""

    handler_name = serializers.CharField(max_length=200)
    payload = serializers.DictField(required=False)
    run_at = serializers.DateTimeField(required=False)
    max_retries = serializers.IntegerField(required=False, min_value=0, max_value=100)


class ReasonSerializer(serializers.Serializer[dict[str, Any]]):
    reason = serializers.CharField(required=False, default="", allow_blank=True, max_length=500)


class HandlerSerializer(serializers.Serializer[Handler]):
    name = serializers.CharField()
    description = serializers.CharField()
    queue = serializers.CharField()
    timeout_s = serializers.FloatField()
    max_retries = serializers.IntegerField()
    on_orphan = serializers.ChoiceField(choices=["retry", "fail"])
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
        fields = ["id", "name", "pid", "queues", "concurrency", "started_at", "heartbeat_at", "stopped_at"]
        read_only_fields = fields


def usd(micros: int) -> float:
    """Decimal dollars of integer millionths."""
    return micros / 1_000_000
