"""Addresses of lines under /api/pulse/, and of one execution. The trailing slash is optional."""

from django.urls import re_path

from tasklogs import views

urlpatterns = [
    re_path(r"^jobs/(?P<job_id>[^/]+)/stages/?$", views.JobStagesView.as_view()),
    re_path(r"^jobs/(?P<job_id>[^/]+)/logs/?$", views.JobLogsView.as_view()),
    re_path(r"^jobs/(?P<job_id>[^/]+)/tasks/(?P<task_id>.+)/logs/?$", views.JobTaskLogsView.as_view()),
    re_path(r"^tasks/(?P<task_id>.+)/logs/?$", views.TaskLogsView.as_view()),
    re_path(r"^executions/(?P<execution_id>[^/]+)/?$", views.ExecutionView.as_view()),
    re_path(r"^executions/(?P<execution_id>[^/]+)/logs/?$", views.ExecutionTextView.as_view()),
    re_path(r"^executions/(?P<execution_id>[^/]+)/lines/?$", views.ExecutionLinesView.as_view()),
    re_path(r"^executions/(?P<execution_id>[^/]+)/stages/?$", views.ExecutionStagesView.as_view()),
]
