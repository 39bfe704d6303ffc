from django.apps import AppConfig


class TaskLogsConfig(AppConfig):
    name = "tasklogs"
    verbose_name = "Task logs"
