"""Addresses of the core under /api/pulse/. The trailing slash is optional."""

from django.urls import re_path

from pulse import views

urlpatterns = [
    re_path(r"^jobs/?$", views.JobListView.as_view()),
    re_path(r"^jobs/(?P<job_id>JB_\w+)/?$", views.JobView.as_view()),
    re_path(r"^jobs/(?P<job_id>JB_\w+)/cancel/?$", views.JobCancelView.as_view()),
    re_path(r"^jobs/(?P<job_id>JB_\w+)/pause/?$", views.JobPauseView.as_view()),
    re_path(r"^jobs/(?P<job_id>JB_\w+)/resume/?$", views.JobResumeView.as_view()),
    re_path(r"^handlers/?$", views.HandlerListView.as_view()),
]
