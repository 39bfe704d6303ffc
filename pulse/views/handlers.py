"""The REST view of handlers."""

from drf_spectacular.utils import extend_schema
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pulse.registry import registry
from pulse.serializers import HandlerListSerializer, HandlerSerializer


class HandlerListView(APIView):
    permission_classes = [IsAuthenticated]

    @extend_schema(operation_id="handlers_list", responses=HandlerListSerializer)
    def get(self, request: Request) -> Response:
        """Every registered handler with the JSON schema of its payload."""
        handlers = [HandlerSerializer(handler).data for handler in registry]
        return Response({"handlers": handlers, "count": len(handlers)})
