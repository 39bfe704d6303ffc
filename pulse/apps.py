from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class PulseConfig(AppConfig):
    name = "pulse"
    verbose_name = "Pulse"

    def ready(self) -> None:
        """Find every installed app's handlers and give each its Celery task."""
        from pulse import checks, tasks, worker  # noqa: F401, PLC0415  models are loadable only from here on

        autodiscover_modules("handlers")
        tasks.register_handlers()
        worker.install()
