"""The addresses of the sockets."""

from channels.security.websocket import WebsocketDenier
from django.urls import URLPattern, path, re_path

from pulse.consumers import PulseConsumer

websocket_urlpatterns: list[URLPattern] = [
    path("ws/pulse/", PulseConsumer.as_asgi()),
    re_path("", WebsocketDenier.as_asgi()),  # without it each stray address is a traceback in the log
]
