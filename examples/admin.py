"""The rows that the examples write, to look at."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from examples.models import IndexedFile, MonthlyRevenue, Order


class Written(admin.ModelAdmin[Model]):
    """The handlers write; people look."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Order)
class OrderAdmin(Written):
    list_display = ("order_no", "ordered_on", "customer", "country", "product", "quantity", "unit_price_eur")
    list_filter = ("country", "product")
    search_fields = ("order_no", "customer", "email")


@admin.register(MonthlyRevenue)
class MonthlyRevenueAdmin(Written):
    list_display = ("month", "country", "orders", "units", "revenue_eur")
    list_filter = ("country",)


@admin.register(IndexedFile)
class IndexedFileAdmin(Written):
    list_display = ("path", "folder", "size_bytes", "lines", "indexed_at")
    search_fields = ("path", "sha256")
