"""The REST views of lines, stages and tasks, and of one execution with its log."""

import json
from typing import Any, Final

from django.http import HttpResponseBase, StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions.models import Execution
from executions.serializers import ExecutionDetailSerializer
from pulse.errors import NotFound
from pulse.http import ModelPermissions, choice_of
from pulse.models import Job
from pulse.query import checked, number_of, text_of
from pulse.serializers import ProgressSerializer
from tasklogs import services
from tasklogs.models import TaskLog, TaskLogQuerySet
from tasklogs.serializers import LogPageSerializer, StageListSerializer, TaskLogPageSerializer

IN_DETAIL: Final = 1_000  # lines shown with an execution; `executions/{id}/logs` gives all
FILTERS: Final = [
    OpenApiParameter("stage"),
    OpenApiParameter("task_id", description="also finds the lines of the stage of this name that have no task"),
    OpenApiParameter("level", enum=TaskLog.Level.values),
]
LIMITS: Final = [OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 5000; 1000 where it is missing")]
AFTER_ID: Final = OpenApiParameter("after", OpenApiTypes.INT, description="only lines after the one with this id")
AFTER_SEQ: Final = OpenApiParameter("after", OpenApiTypes.INT, description="only lines after the one of this seq")


class LogView(APIView):
    """Base: what all of them ask of the query."""

    permission_classes = [ModelPermissions]
    queryset = TaskLog.objects.all()

    def filtered(self, request: Request, lines: TaskLogQuerySet) -> TaskLogQuerySet:
        if stage := text_of(request, "stage"):
            lines = lines.filter(stage=stage)
        if task_id := text_of(request, "task_id"):
            lines = lines.of_task(task_id)
        if level := choice_of(request, "level", TaskLog.Level.values):
            lines = lines.filter(level=level)
        return lines

    def page(self, request: Request, lines: TaskLogQuerySet, *, key: str) -> dict[str, Any]:
        """`key` orders the lines; `after` is one of its values."""
        limit = number_of(request, "limit", default=1_000, lowest=1, highest=5_000)
        after = number_of(request, "after", default=0, lowest=0)
        found, has_more = services.page(lines.filter(**{f"{key}__gt": after}), limit=limit)
        return {"logs": found, "has_more": has_more}


class JobStagesView(LogView):
    @extend_schema(operation_id="jobs_stages", responses=StageListSerializer)
    def get(self, request: Request, job_id: str) -> Response:
        """Stages of a job with their tasks, over all its executions."""
        return Response({"job_id": job_id, "stages": services.stages(services.lines_of_job(job_id))})


class ExecutionStagesView(LogView):
    @extend_schema(operation_id="executions_stages", responses=StageListSerializer)
    def get(self, request: Request, execution_id: str) -> Response:
        """Stages of one execution with their tasks."""
        execution, lines = services.lines_of_execution(execution_id)
        found = services.stages(lines)
        return Response({"job_id": execution.job_id, "execution_id": execution_id, "stages": found})


class JobLogsView(LogView):
    @extend_schema(operation_id="jobs_logs", parameters=[*FILTERS, AFTER_ID, *LIMITS], responses=LogPageSerializer)
    def get(self, request: Request, job_id: str) -> Response:
        """Lines of all executions of a job."""
        lines = self.filtered(request, services.lines_of_job(job_id))
        page = self.page(request, lines, key="id")
        return Response({"job_id": job_id, "total_count": lines.count(), **page})


class ExecutionLinesView(LogView):
    @extend_schema(
        operation_id="executions_lines", parameters=[*FILTERS, AFTER_SEQ, *LIMITS], responses=LogPageSerializer
    )
    def get(self, request: Request, execution_id: str) -> Response:
        """Lines of one execution."""
        execution, lines = services.lines_of_execution(execution_id)
        lines = self.filtered(request, lines)
        page = self.page(request, lines, key="seq")
        told = {"job_id": execution.job_id, "execution_id": execution_id, "total_count": lines.count()}
        return Response({**told, **page})


class TaskLogsView(LogView):
    @extend_schema(operation_id="tasks_logs", parameters=[AFTER_ID, *LIMITS], responses=TaskLogPageSerializer)
    def get(self, request: Request, task_id: str) -> Response:
        """Lines of one task. A task's id is unique only within its job: this asks all of them."""
        checked(task_id, "task_id")
        return Response({"task_id": task_id, **self.page(request, services.lines_of_task(task_id), key="id")})


class JobTaskLogsView(LogView):
    @extend_schema(operation_id="jobs_tasks_logs", parameters=[AFTER_ID, *LIMITS], responses=TaskLogPageSerializer)
    def get(self, request: Request, job_id: str, task_id: str) -> Response:
        """Lines of one task of a job."""
        checked(task_id, "task_id")
        lines = services.lines_of_task_in(job_id, task_id)
        return Response({"task_id": task_id, **self.page(request, lines, key="id")})


class TextRenderer(BaseRenderer):
    """For clients that accept nothing but text; an error is its envelope."""

    media_type = "text/plain"
    format = "txt"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return json.dumps(data).encode()


class ExecutionTextView(LogView):
    renderer_classes = [JSONRenderer, TextRenderer]

    @extend_schema(
        operation_id="executions_logs", parameters=FILTERS, responses={(200, "text/plain"): OpenApiTypes.STR}
    )
    def get(self, request: Request, execution_id: str) -> HttpResponseBase:
        """The whole log of one execution as plain text."""
        _, lines = services.lines_of_execution(execution_id)
        lines = self.filtered(request, lines)
        if not lines.exists():
            raise NotFound("No logs available")
        named = {"Content-Disposition": f'inline; filename="{execution_id}.log"'}
        return StreamingHttpResponse(services.stream(lines), content_type="text/plain; charset=utf-8", headers=named)


class ExecutionView(APIView):
    permission_classes = [ModelPermissions]
    queryset = Execution.objects.all()

    @extend_schema(operation_id="executions_get", responses=ExecutionDetailSerializer)
    def get(self, request: Request, execution_id: str) -> Response:
        """One execution; `logs` holds its newest lines as text."""
        execution, lines = services.lines_of_execution(execution_id)
        logs, earlier = services.tail(lines, limit=IN_DETAIL)
        if earlier:
            logs = f"({earlier} earlier lines: GET /api/pulse/executions/{execution_id}/logs/)\n{logs}"
        job = Job.objects.filter(pk=execution.job_id, execution_id=execution_id).first()
        shown = ExecutionDetailSerializer(execution).data | {"progress": None, "stage": None, "logs": logs}
        if job is not None:
            shown |= {"progress": ProgressSerializer(job).data, "stage": job.stage}
        return Response(shown)
