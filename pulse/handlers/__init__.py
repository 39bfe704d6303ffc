"""The handlers that come with Pulse. Importing this package registers them."""

from pulse.handlers import celery_task, django_command, http_request, noop, sleep

__all__ = ["celery_task", "django_command", "http_request", "noop", "sleep"]
