"""Addresses of executions under /api/pulse/. The trailing slash is optional."""

from django.urls import re_path

from executions import views

urlpatterns = [
    re_path(r"^executions/?$", views.ExecutionListView.as_view()),
    re_path(r"^(?:jobs|schedules)/(?P<owner_id>[^/]+)/executions/?$", views.ExecutionsOfView.as_view()),
]
