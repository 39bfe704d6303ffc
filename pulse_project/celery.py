"""The Celery application: `celery -A pulse_project worker` and `celery -A pulse_project beat`."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "pulse_project.settings")

app = Celery("pulse_project")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
