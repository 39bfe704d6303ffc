"""The REST views of executions. One execution with its log is served by `tasklogs`, which knows the lines."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from executions import services
from executions.models import Execution
from executions.serializers import ExecutionPageSerializer, ExecutionSerializer
from pulse.http import ModelPermissions, choice_of, page_of, page_response
from pulse.query import text_of
from pulse.states import ExecutionStatus

PAGE = [
    OpenApiParameter("limit", OpenApiTypes.INT, description="1 to 100; 50 where it is missing or no number"),
    OpenApiParameter("offset", OpenApiTypes.INT),
    OpenApiParameter("status", enum=ExecutionStatus.values),
    OpenApiParameter("handler_name"),
]


class ExecutionPageView(APIView):
    """Base: one page of some executions, newest first."""

    permission_classes = [ModelPermissions]
    queryset = Execution.objects.all()

    def page(self, request: Request, executions: QuerySet[Execution]) -> Response:
        if status := choice_of(request, "status", ExecutionStatus.values):
            executions = executions.filter(status=status)
        if handler_name := text_of(request, "handler_name"):
            executions = executions.filter(handler_name=handler_name)
        return Response(page_response("executions", executions, page_of(request), _shape))


class ExecutionListView(ExecutionPageView):
    @extend_schema(operation_id="executions_list", parameters=PAGE, responses=ExecutionPageSerializer)
    def get(self, request: Request) -> Response:
        """Executions of everything."""
        return self.page(request, Execution.objects.all())


class ExecutionsOfView(ExecutionPageView):
    @extend_schema(operation_id="executions_of", parameters=PAGE, responses=ExecutionPageSerializer)
    def get(self, request: Request, owner_id: str) -> Response:
        """Executions of one job, or of all jobs of one schedule."""
        return self.page(request, services.executions_of(owner_id))


def _shape(execution: Execution) -> dict[str, Any]:
    return dict(ExecutionSerializer(execution).data)
