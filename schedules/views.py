"""The REST views of schedules."""

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pulse.http import ModelPermissions, choice_of, needs, page_of, page_response
from pulse.query import text_of
from pulse.serializers import JobSerializer, ReasonSerializer
from schedules import services
from schedules.models import Schedule
from schedules.serializers import (
    STATES,
    EditSerializer,
    NewScheduleSerializer,
    SchedulePageSerializer,
    ScheduleSerializer,
    TriggerSerializer,
)


class ScheduleListView(APIView):
    permission_classes = [ModelPermissions]
    queryset = Schedule.objects.all()

    @extend_schema(
        operation_id="schedules_list",
        parameters=[
            OpenApiParameter("limit", OpenApiTypes.INT),
            OpenApiParameter("offset", OpenApiTypes.INT),
            OpenApiParameter("state", enum=STATES),
            OpenApiParameter("handler_name"),
            OpenApiParameter("q", description="Part of the name, the handler's name or the id."),
        ],
        responses=SchedulePageSerializer,
    )
    def get(self, request: Request) -> Response:
        """All schedules but deleted ones, newest first."""
        found = (
            Schedule.objects.present()
            .with_last_job()
            .matching(
                state=choice_of(request, "state", STATES),
                handler_name=text_of(request, "handler_name"),
                text=text_of(request, "q"),
            )
        )
        page = page_of(request, default=200, maximum=1000)
        return Response(page_response("jobs", found, page, lambda row: ScheduleSerializer(row).data))

    @extend_schema(
        operation_id="schedules_create", request=NewScheduleSerializer, responses={201: ScheduleSerializer}
    )
    def post(self, request: Request) -> Response:
        """A new active schedule: every `interval_seconds`, beginning now, or by `cron` in `timezone`."""
        given = NewScheduleSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        fields: dict[str, Any] = {"created_from": "api", **given.validated_data}
        return Response(ScheduleSerializer(services.create(**fields)).data, status=status.HTTP_201_CREATED)


class ScheduleView(APIView):
    permission_classes = [ModelPermissions]
    queryset = Schedule.objects.all()

    @extend_schema(operation_id="schedules_get", responses=ScheduleSerializer)
    def get(self, request: Request, schedule_id: str) -> Response:
        return Response(ScheduleSerializer(services.get(schedule_id)).data)

    @extend_schema(operation_id="schedules_update", request=EditSerializer, responses=ScheduleSerializer)
    def patch(self, request: Request, schedule_id: str) -> Response:
        """Change what is named, all of it or nothing."""
        given = EditSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return Response(ScheduleSerializer(services.update(schedule_id, **given.validated_data)).data)

    @extend_schema(operation_id="schedules_delete", responses={204: None})
    def delete(self, request: Request, schedule_id: str) -> Response:
        """Take it away and cancel its jobs that have not ended; what it did stays in the history."""
        services.delete(schedule_id, reason=f"schedule deleted by {request.user.get_username()}")
        return Response(status=status.HTTP_204_NO_CONTENT)


class ScheduleActionView(APIView):
    """Base of the actions on one schedule: parse, call one service, answer."""

    permission_classes = [needs("schedules.change_schedule")]


class ScheduleTriggerView(ScheduleActionView):
    @extend_schema(operation_id="schedules_trigger", request=TriggerSerializer, responses={201: JobSerializer})
    def post(self, request: Request, schedule_id: str) -> Response:
        """One job now, with the schedule's payload or the one given. Also when it is paused."""
        given = TriggerSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        job = services.trigger(schedule_id, given.validated_data["payload"], source=request.user.get_username())
        return Response(JobSerializer(job).data, status=status.HTTP_201_CREATED)


class SchedulePauseView(ScheduleActionView):
    @extend_schema(operation_id="schedules_pause", request=ReasonSerializer, responses=ScheduleSerializer)
    def post(self, request: Request, schedule_id: str) -> Response:
        """Fire no more until it is resumed."""
        given = ReasonSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        because = given.validated_data["reason"] or f"paused by {request.user.get_username()}"
        return Response(ScheduleSerializer(services.pause(schedule_id, reason=because)).data)


class ScheduleResumeView(ScheduleActionView):
    @extend_schema(operation_id="schedules_resume", request=None, responses=ScheduleSerializer)
    def post(self, request: Request, schedule_id: str) -> Response:
        """Go on with the next due time; nothing is fired at once."""
        return Response(ScheduleSerializer(services.resume(schedule_id)).data)
