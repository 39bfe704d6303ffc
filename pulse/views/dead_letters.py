"""The REST views of dead letters: what failed for good and waits for a person."""

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from pulse import services
from pulse.http import ModelPermissions, choice_of, needs, page_of, page_response
from pulse.models import DeadLetter
from pulse.query import text_of
from pulse.serializers import (
    DeadLetterFilterSerializer,
    DeadLetterPageSerializer,
    DeadLetterSerializer,
    JobSerializer,
    ResolvedSerializer,
)

FILTERS = ["handler_name", "error_code", "q"]
STATES = ["open", "retried", "discarded"]


class DeadLetterListView(APIView):
    permission_classes = [ModelPermissions]
    queryset = DeadLetter.objects.all()

    @extend_schema(
        operation_id="dead_letters_list",
        parameters=[
            OpenApiParameter("state", enum=STATES),
            OpenApiParameter("handler_name"),
            OpenApiParameter("error_code"),
            OpenApiParameter("q"),
        ],
        responses=DeadLetterPageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Dead letters, newest first; the open ones unless `state` says otherwise."""
        state = choice_of(request, "state", STATES) or "open"
        letters = matching({name: text_of(request, name) for name in FILTERS}).filter(
            resolution="" if state == "open" else state
        )
        page = page_of(request, maximum=200)
        return Response(page_response("dead_letters", letters, page, lambda row: DeadLetterSerializer(row).data))


class DeadLetterView(APIView):
    permission_classes = [ModelPermissions]
    queryset = DeadLetter.objects.all()

    @extend_schema(operation_id="dead_letters_get", responses=DeadLetterSerializer)
    def get(self, request: Request, letter_id: int) -> Response:
        return Response(DeadLetterSerializer(services.get_letter(letter_id)).data)


class DeadLetterActionView(APIView):
    permission_classes = [needs("pulse.change_deadletter")]


class DeadLetterRetryView(DeadLetterActionView):
    @extend_schema(operation_id="dead_letters_retry", request=None, responses=JobSerializer)
    def post(self, request: Request, letter_id: int) -> Response:
        """Put the same job back into the queue with all its retries."""
        job = services.retry_letter(letter_id, by=request.user.get_username())
        return Response(JobSerializer(job).data)


class DeadLetterDiscardView(DeadLetterActionView):
    @extend_schema(operation_id="dead_letters_discard", request=None, responses=DeadLetterSerializer)
    def post(self, request: Request, letter_id: int) -> Response:
        """Decide that nothing more is to be done."""
        letter = services.discard_letter(letter_id, by=request.user.get_username())
        return Response(DeadLetterSerializer(letter).data)


class DeadLetterBulkView(DeadLetterActionView):
    """Base of the actions on all open letters that match."""

    def letters(self, request: Request) -> QuerySet[DeadLetter]:
        given = DeadLetterFilterSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        return matching(given.validated_data)


class DeadLetterRetryAllView(DeadLetterBulkView):
    @extend_schema(
        operation_id="dead_letters_retry_all", request=DeadLetterFilterSerializer, responses=ResolvedSerializer
    )
    def post(self, request: Request) -> Response:
        """Retry all open letters that match; an empty filter means all."""
        done, failed = services.retry_matching(self.letters(request), by=request.user.get_username())
        return Response({"resolved": done, "not_possible": failed})


class DeadLetterDiscardAllView(DeadLetterBulkView):
    @extend_schema(
        operation_id="dead_letters_discard_all", request=DeadLetterFilterSerializer, responses=ResolvedSerializer
    )
    def post(self, request: Request) -> Response:
        """Discard all open letters that match; an empty filter means all."""
        done = services.discard_matching(self.letters(request), by=request.user.get_username())
        return Response({"resolved": done, "not_possible": 0})


def matching(given: dict[str, Any]) -> QuerySet[DeadLetter]:
    """Letters of a handler, of an error code, and with a text in their error or job id."""
    letters = DeadLetter.objects.all()
    if handler_name := given.get("handler_name"):
        letters = letters.filter(handler_name=handler_name)
    if error_code := given.get("error_code"):
        letters = letters.filter(error_code=error_code)
    if text := given.get("q"):
        letters = letters.filter(Q(error_message__icontains=text) | Q(job_id=text))
    return letters
