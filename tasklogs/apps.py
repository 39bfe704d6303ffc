from django.apps import AppConfig


class TaskLogsConfig(AppConfig):
    name = "tasklogs"
    verbose_name = "Task logs"

    def ready(self) -> None:
        """Listen to Celery's signals."""
        from tasklogs import signals  # noqa: F401, PLC0415  models are loadable only from here on
