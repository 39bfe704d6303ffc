"""Every address of the project."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView

from pulse_project.health import healthz
from pulse_project.overview import OverviewView
from pulse_project.web import ui

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz/", healthz),
    path("api/schema/", SpectacularAPIView.as_view()),
    path("api/pulse/overview/", OverviewView.as_view()),
    path("api/pulse/", include("pulse.urls")),
    path("api/pulse/", include("schedules.urls")),
    path("api/pulse/", include("executions.urls")),
    path("api/pulse/", include("tasklogs.urls")),
    path("login/", LoginView.as_view(template_name="login.html", redirect_authenticated_user=True)),
    path("logout/", LogoutView.as_view()),
    re_path(r"^(?!(?:admin|api|healthz|login|logout|metrics|static|ws)(?:/|$))", ui),
]
