"""The ASGI application: HTTP to Django, WebSockets to Channels."""

import os

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

from pulse.origins import OwnOriginValidator

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse_project.settings")

http = get_asgi_application()  # sets Django up: what needs models is importable only from here on

from pulse.routing import websocket_urlpatterns  # noqa: E402

websocket = OwnOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
application = ProtocolTypeRouter({"http": http, "websocket": websocket})
