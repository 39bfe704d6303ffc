"""The REST views of jobs."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pulse import services
from pulse.http import ModelPermissions, choice_of, needs, page_of, page_response
from pulse.ids import normal
from pulse.models import Job
from pulse.query import text_of
from pulse.serializers import (
    FamilySerializer,
    JobPageSerializer,
    JobSerializer,
    JobWithFamilySerializer,
    NewJobSerializer,
    ReasonSerializer,
)
from pulse.states import JobStatus

PAGING = [OpenApiParameter("limit", OpenApiTypes.INT), OpenApiParameter("offset", OpenApiTypes.INT)]


class JobListView(APIView):
    permission_classes = [ModelPermissions]
    queryset = Job.objects.all()

    @extend_schema(
        operation_id="jobs_list",
        parameters=[
            *PAGING,
            OpenApiParameter("status", enum=JobStatus.values),
            OpenApiParameter("schedule_id"),
            OpenApiParameter("handler_name"),
        ],
        responses=JobPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Jobs, newest first."""
        jobs = Job.objects.all()
        if wanted := choice_of(request, "status", JobStatus.values):
            jobs = jobs.filter(status=wanted)
        if schedule_id := text_of(request, "schedule_id"):
            jobs = jobs.filter(schedule_id=normal(schedule_id))
        if handler_name := text_of(request, "handler_name"):
            jobs = jobs.filter(handler_name=handler_name)
        page = page_of(request, maximum=200)
        return Response(page_response("jobs", jobs, page, lambda job: JobSerializer(job).data))

    @extend_schema(operation_id="jobs_create", request=NewJobSerializer, responses={201: JobSerializer})
    def post(self, request: Request) -> Response:
        """Ask for one job of a handler."""
        given = NewJobSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields: dict[str, Any] = dict(given.validated_data)
        job = services.enqueue(
            fields.pop("handler_name"),
            fields.pop("payload", None),
            source=request.user.get_username(),
            **fields,
        )
        return Response(JobSerializer(job).data, status=status.HTTP_201_CREATED)


class JobView(APIView):
    permission_classes = [ModelPermissions]
    queryset = Job.objects.all()

    @extend_schema(operation_id="jobs_get", responses=JobWithFamilySerializer)
    def get(self, request: Request, job_id: str) -> Response:
        """One job, with the sum of its children's progress and cost."""
        return Response(JobWithFamilySerializer(services.get(job_id)).data)

    @extend_schema(operation_id="jobs_delete", responses={204: None})
    def delete(self, request: Request, job_id: str) -> Response:
        """Remove a job that has ended; children that have not are cancelled. Its executions and logs stay."""
        services.delete(job_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class JobChildrenView(APIView):
    permission_classes = [ModelPermissions]
    queryset = Job.objects.all()

    @extend_schema(operation_id="jobs_children", responses=FamilySerializer)
    def get(self, request: Request, job_id: str) -> Response:
        """The jobs that this job asked for, oldest first."""
        return Response(FamilySerializer({"parent_job_id": job_id, "children": services.children_of(job_id)}).data)


class JobActionView(APIView):
    """Base of the actions on one job: parse, call one service, answer."""

    permission_classes = [needs("pulse.change_job")]

    def reason(self, request: Request) -> str:
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return str(given.validated_data["reason"])


class JobCancelView(JobActionView):
    @extend_schema(operation_id="jobs_cancel", request=ReasonSerializer, responses=JobSerializer)
    def post(self, request: Request, job_id: str) -> Response:
        """Stop a job: a waiting one at once, a running one at its next checkpoint."""
        because = self.reason(request) or f"cancelled by {request.user.get_username()}"
        return Response(JobSerializer(services.cancel(job_id, reason=because)).data)


class JobPauseView(JobActionView):
    @extend_schema(operation_id="jobs_pause", request=ReasonSerializer, responses=JobSerializer)
    def post(self, request: Request, job_id: str) -> Response:
        """Hold a job until it is resumed."""
        return Response(JobSerializer(services.pause(job_id, reason=self.reason(request))).data)


class JobResumeView(JobActionView):
    @extend_schema(operation_id="jobs_resume", request=None, responses=JobSerializer)
    def post(self, request: Request, job_id: str) -> Response:
        """Put a paused job back into the queue."""
        return Response(JobSerializer(services.resume(job_id)).data)
