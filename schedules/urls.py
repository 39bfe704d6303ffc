"""Addresses of schedules under /api/pulse/. The trailing slash is optional."""

from django.urls import re_path

from schedules import views

ONE = r"^schedules/(?P<schedule_id>[\w-]+)"

urlpatterns = [
    re_path(r"^schedules/?$", views.ScheduleListView.as_view()),
    re_path(rf"{ONE}/?$", views.ScheduleView.as_view()),
    re_path(rf"{ONE}/trigger/?$", views.ScheduleTriggerView.as_view()),
    re_path(rf"{ONE}/pause/?$", views.SchedulePauseView.as_view()),
    re_path(rf"{ONE}/resume/?$", views.ScheduleResumeView.as_view()),
]
