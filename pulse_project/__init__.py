"""The Django project that ties the apps together. It imports all of them; nobody imports it."""

from pulse_project.celery import app as celery_app

__all__ = ["celery_app"]
