from django.apps import AppConfig


class SchedulesConfig(AppConfig):
    name = "schedules"
    verbose_name = "Schedules"

    def ready(self) -> None:
        """Follow django-celery-beat's own changes."""
        from schedules import signals  # noqa: F401, PLC0415  models are loadable only from here on
