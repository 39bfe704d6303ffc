"""What all of Pulse's REST views share: the error envelope and paging."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404
from rest_framework import exceptions
from rest_framework.permissions import BasePermission, DjangoModelPermissions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, set_rollback

from pulse import clock
from pulse.errors import InvalidInput, PulseError

logger = logging.getLogger(__name__)
OFFSET_MAX: Final = 2**31 - 1


class ModelPermissions(DjangoModelPermissions):
    """Django's model permissions, reading included: who may not view a model gets 403."""

    perms_map = {
        **DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }


def needs(permission: str) -> type[BasePermission]:
    """A permission class that asks for one named permission, such as `pulse.change_job`."""

    class Needs(BasePermission):
        def has_permission(self, request: Request, view: APIView) -> bool:
            return bool(request.user and request.user.is_authenticated and request.user.has_perm(permission))

    return Needs


@dataclass(frozen=True, slots=True)
class Page:
    limit: int
    offset: int


def page_of(request: Request, *, default: int = 50, maximum: int = 100) -> Page:
    """`limit` and `offset` of the query: what is no number falls back to the default, the rest is clamped."""

    def number(name: str, fallback: int) -> int:
        try:
            return int(request.query_params.get(name, fallback))
        except ValueError:
            return fallback

    return Page(
        limit=min(maximum, max(1, number("limit", default))), offset=min(OFFSET_MAX, max(0, number("offset", 0)))
    )


def page_response(
    name: str, rows: "QuerySet[Any]", page: Page, shape: Callable[[Any], Mapping[str, Any]]
) -> dict[str, Any]:
    """`{name: [...], count, total, has_more}`, where count is how many are on this page."""
    total = rows.count()
    found = [shape(row) for row in rows[page.offset : page.offset + page.limit]]
    return {name: found, "count": len(found), "total": total, "has_more": page.offset + len(found) < total}


def choice_of(request: Request, name: str, choices: Sequence[str], *, title: str = "") -> str | None:
    """A query parameter that must be one of `choices`, or None where it is missing. Raises InvalidInput."""
    given = request.query_params.get(name)
    if not given:
        return None
    if given not in choices:
        raise InvalidInput(
            f"Invalid {title or name}: {given}", field=name, hint=f"It is one of {', '.join(choices)}."
        )
    return given


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Every error of the API as one envelope; None (Django's 500) for what nobody foresaw."""
    headers: dict[str, str] = {}
    if isinstance(error, PulseError):
        status, body = error.status, _of_pulse(error)
    elif isinstance(error, exceptions.APIException):
        status, body = error.status_code, _of_framework(error)
        if challenge := getattr(error, "auth_header", None):
            headers["WWW-Authenticate"] = challenge
        if wait := getattr(error, "wait", None):
            headers["Retry-After"] = str(int(wait))
    elif isinstance(error, Http404):
        status, body = 404, envelope("There is nothing at this address.", code="not_found")
    elif isinstance(error, PermissionDenied):
        status, body = 403, envelope("You may not do this.", code="permission_denied")
    else:
        return None
    set_rollback()
    return Response(body, status=status, headers={**headers, "X-Error-Id": body["id"]})


def envelope(
    message: str, *, code: str, details: list[dict[str, Any]] | None = None, hints: list[str] | None = None
) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "error": message,
        "code": code,
        "details": details or [],
        "hints": hints or [],
        "timestamp": clock.now().isoformat().replace("+00:00", "Z"),
    }


def _of_pulse(error: PulseError) -> dict[str, Any]:
    details = error.details.get("errors") or (
        [{"field": error.field, "message": error.message}] if error.field else []
    )
    body = envelope(error.message, code=error.code, details=details, hints=[error.hint] if error.hint else [])
    return body | {name: value for name, value in error.details.items() if name != "errors"}


def _of_framework(error: exceptions.APIException) -> dict[str, Any]:
    if isinstance(error, exceptions.ValidationError):
        details = list(_fields(error.detail))
        first = details[0] if details else {"field": None, "message": "invalid"}
        message = f"{first['field']}: {first['message']}" if first["field"] else first["message"]
        return envelope(str(message), code="invalid_input", details=details)
    codes = error.get_codes()
    return envelope(str(error.detail), code=codes if isinstance(codes, str) else "error")


def _fields(detail: Any, path: str = "") -> list[dict[str, Any]]:
    if isinstance(detail, Mapping):
        return [found for key, value in detail.items() for found in _fields(value, f"{path}.{key}".strip("."))]
    if isinstance(detail, list | tuple):
        return [found for value in detail for found in _fields(value, path)]
    return [{"field": None if path == "non_field_errors" else path or None, "message": str(detail)}]
