"""The ASGI application: HTTP to Django, WebSockets to Channels."""

import os
import warnings

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application

from pulse.origins import OwnOriginValidator

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse_project.settings")

# whitenoise gives files as plain iterators: Django reads each in a thread, which is right for files of this size.
warnings.filterwarnings("ignore", message="StreamingHttpResponse must consume synchronous iterators")

http = get_asgi_application()  # sets Django up: what needs models is importable only from here on

from pulse.routing import websocket_urlpatterns  # noqa: E402

websocket = OwnOriginValidator(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
application = ProtocolTypeRouter({"http": http, "websocket": websocket})
