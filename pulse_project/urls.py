"""Every address of the project."""

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from pulse_project.health import healthz
from pulse_project.overview import OverviewView

urlpatterns = [
    path("admin/", admin.site.urls),
    path("healthz/", healthz),
    path("api/schema/", SpectacularAPIView.as_view()),
    path("api/pulse/overview/", OverviewView.as_view()),
    path("api/pulse/", include("pulse.urls")),
]
