"""Wire shapes of executions."""

from typing import Any

from rest_framework import serializers

from executions.models import Execution
from pulse.serializers import usd


class ExecutionSerializer(serializers.ModelSerializer[Execution]):
    async_job_id = serializers.CharField(source="job_id", allow_null=True)
    cost_usd = serializers.SerializerMethodField()

    class Meta:
        model = Execution
        fields = [
            "id", "scheduled_job_id", "async_job_id", "handler_name", "attempt", "status", "worker", "started_at",
            "completed_at", "duration_ms", "wait_ms", "result_summary", "error_message", "error_code", "cost_usd",
        ]  # fmt: skip
        read_only_fields = fields

    def get_cost_usd(self, execution: Execution) -> float:
        return usd(execution.cost_micros)


class ProgressOfTrySerializer(serializers.Serializer[dict[str, Any]]):
    current = serializers.IntegerField()
    total = serializers.IntegerField(allow_null=True)
    percentage = serializers.FloatField()


class ExecutionDetailSerializer(ExecutionSerializer):
    """`progress` and `stage` are the job's, where this is its newest try."""

    progress = ProgressOfTrySerializer(allow_null=True, required=False)
    stage = serializers.CharField(allow_null=True, required=False)
    logs = serializers.CharField(required=False)

    class Meta(ExecutionSerializer.Meta):
        fields = [*ExecutionSerializer.Meta.fields, "celery_task_id", "error_details", "progress", "stage", "logs"]
        read_only_fields = fields


class ExecutionPageSerializer(serializers.Serializer[dict[str, Any]]):
    executions = ExecutionSerializer(many=True)
    count = serializers.IntegerField()
    total = serializers.IntegerField()
    has_more = serializers.BooleanField()
