from django.apps import AppConfig


class ExecutionsConfig(AppConfig):
    name = "executions"
    verbose_name = "Executions"

    def ready(self) -> None:
        """Listen to Celery's signals."""
        from executions import signals  # noqa: F401, PLC0415  models are loadable only from here on
