"""Wire shapes of lines, stages and tasks; the views answer with plain dicts of these shapes."""

from typing import Any

from rest_framework import serializers

from tasklogs.models import TaskLog


class LineSerializer(serializers.ModelSerializer[TaskLog]):
    class Meta:
        model = TaskLog
        fields = ["id", "seq", "execution_id", "stage", "task_id", "timestamp", "level", "message", "metadata"]
        read_only_fields = fields


class LogPageSerializer(serializers.Serializer[dict[str, Any]]):
    job_id = serializers.CharField(allow_null=True)
    execution_id = serializers.CharField(required=False)
    total_count = serializers.IntegerField()
    logs = LineSerializer(many=True)
    has_more = serializers.BooleanField()


class TaskLogPageSerializer(serializers.Serializer[dict[str, Any]]):
    task_id = serializers.CharField()
    logs = LineSerializer(many=True)
    has_more = serializers.BooleanField()


class CountedSerializer(serializers.Serializer[dict[str, Any]]):
    log_count = serializers.IntegerField()
    first_at = serializers.DateTimeField()
    last_at = serializers.DateTimeField()
    levels = serializers.DictField(child=serializers.IntegerField())


class TaskOfStageSerializer(CountedSerializer):
    task_id = serializers.CharField()


class StageSerializer(CountedSerializer):
    stage = serializers.CharField()
    tasks = TaskOfStageSerializer(many=True)


class StageListSerializer(serializers.Serializer[dict[str, Any]]):
    job_id = serializers.CharField(allow_null=True)
    execution_id = serializers.CharField(required=False)
    stages = StageSerializer(many=True)
