"""The web UI's one page. Django says who may see it; what it shows is the front end's."""

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_safe

USER_MARK = "__PULSE_USER__"  # where the built page wants the user's name


@require_safe
@never_cache
@login_required
@ensure_csrf_cookie
def ui(request: HttpRequest) -> HttpResponse:
    """The built front end, for every address that is its own. 503 while it has not been built."""
    try:
        page = (settings.FRONTEND_DIST / "index.html").read_text()
    except FileNotFoundError:
        return render(request, "not_built.html", status=503)
    return HttpResponse(page.replace(USER_MARK, escape(request.user.get_username())))
