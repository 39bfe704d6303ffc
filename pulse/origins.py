"""Which web pages may open the socket: only ours.

A browser sends its cookies with a WebSocket handshake from any page. `ALLOWED_HOSTS` alone would let in a page of
another program on the same host, because cookies do not tell ports apart: the page's address must be the very one
that it connects to, port included, or stand in `CSRF_TRUSTED_ORIGINS`. `ALLOWED_HOSTS` is asked as well: a foreign
name that was made to point at us (DNS rebinding) is no address of ours.
"""

from typing import Any, Final
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import validate_host

DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class OwnOriginValidator:
    """An ASGI application around another: it lets a handshake through when it comes from a page of ours."""

    def __init__(self, application: Any) -> None:
        self.application = application

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        allowed = is_ours(headers.get(b"origin", ""), headers.get(b"host", ""))
        await (self.application if allowed else WebsocketDenier())(scope, receive, send)


def is_ours(origin: str, host: str) -> bool:
    """Whether a page at `origin` (such as `https://pulse.example`) may connect to `host` (`pulse.example:443`)."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    scheme = origin.partition("://")[0]
    page, server = address(origin, scheme), address(f"//{host}", scheme)
    return page is not None and page == server and validate_host(page[0], settings.ALLOWED_HOSTS)


def address(url: str, scheme: str) -> tuple[str, int] | None:
    """Host, as ALLOWED_HOSTS writes it, and port. None when it is malformed or of no scheme that browsers load."""
    try:
        parts = urlsplit(url)
        name, port = parts.hostname, parts.port or DEFAULT_PORTS.get(scheme)
    except ValueError:
        return None
    if not name or port is None:
        return None
    return (f"[{name}]" if ":" in name else name), port
