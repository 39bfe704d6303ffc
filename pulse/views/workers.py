"""The REST views of workers, and of what an operator switched off."""

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pulse import services
from pulse.http import ModelPermissions, needs
from pulse.models import Worker
from pulse.serializers import SwitchSerializer, WorkerListSerializer, WorkerSerializer


class WorkerListView(APIView):
    permission_classes = [ModelPermissions]
    queryset = Worker.objects.all()

    @extend_schema(operation_id="workers_list", responses=WorkerListSerializer)
    def get(self, request: Request) -> Response:
        """The workers that have not stopped."""
        workers = Worker.objects.filter(stopped_at=None).order_by("name", "started_at")
        return Response(WorkerListSerializer({"workers": workers, "count": workers.count()}).data)


class WorkerDrainView(APIView):
    permission_classes = [needs("pulse.change_worker")]

    @extend_schema(operation_id="workers_drain", request=None, responses=WorkerSerializer)
    def post(self, request: Request, worker_id: str) -> Response:
        """Tell a worker to take no new jobs; what it runs goes on."""
        return Response(WorkerSerializer(services.drain(worker_id)).data)


class SwitchView(APIView):
    permission_classes = [needs("pulse.change_switch")]

    @extend_schema(operation_id="switches_off", request=SwitchSerializer, responses={201: SwitchSerializer})
    def post(self, request: Request) -> Response:
        """Keep all jobs, a queue's or a handler's from starting."""
        given = SwitchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        switch = services.switch_off(**given.validated_data)
        return Response(SwitchSerializer(switch).data, status=status.HTTP_201_CREATED)

    @extend_schema(operation_id="switches_on", request=SwitchSerializer, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Let them start again."""
        given = SwitchSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        services.switch_on(given.validated_data["scope"], given.validated_data.get("name", ""))
        return Response(status=status.HTTP_204_NO_CONTENT)
