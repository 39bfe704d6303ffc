"""`examples.revenue_report`: what the imported orders come to, by month and country."""

import time
from decimal import Decimal

from django.db.models import Count, F, QuerySet, Sum
from django.db.models.functions import TruncMonth
from pydantic import BaseModel, ConfigDict, Field

from examples.models import MonthlyRevenue, Order
from pulse.registry import handler
from pulse.run import Run


class RevenueReport(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pause_s: float = Field(
        default=0.25, ge=0, le=10, description="Seconds between two countries, so that one can watch."
    )


@handler(
    "examples.revenue_report",
    payload=RevenueReport,
    on_orphan="retry",
    cost_estimate_usd=0,
    description="Adds up the imported orders by month and country.",
)
def revenue_report(run: Run[RevenueReport]) -> str:
    run.stage("reading", "Looking for countries with orders")
    countries = list(Order.objects.order_by("country").values_list("country", flat=True).distinct())
    if not countries:
        return "no orders yet: run examples.csv_import first"

    run.stage("adding up", f"{Order.objects.count()} orders from {len(countries)} countries")
    run.progress(0, total=len(countries))
    months: list[MonthlyRevenue] = []
    for country in countries:
        with run.task(country):
            found = months_of(Order.objects.filter(country=country), country)
            run.log.info("€ %s in %d months", f"{total(found):,.2f}", len(found))
        months += found
        run.progress(advance=1)
        time.sleep(run.payload.pause_s)

    run.stage("writing", f"Writing {len(months)} rows")
    MonthlyRevenue.objects.bulk_create(
        months,
        update_conflicts=True,
        unique_fields=["month", "country"],
        update_fields=["orders", "units", "revenue_eur"],
    )
    orders = sum(month.orders for month in months)
    return f"€ {total(months):,.2f} from {orders} orders in {len(countries)} countries"


def months_of(orders: QuerySet[Order], country: str) -> list[MonthlyRevenue]:
    """One unsaved row for each month that has orders, added up by the database."""
    sums = (
        orders.annotate(month=TruncMonth("ordered_on"))
        .values("month")
        .annotate(orders=Count("id"), units=Sum("quantity"), revenue_eur=Sum(F("quantity") * F("unit_price_eur")))
        .order_by("month")
    )
    return [MonthlyRevenue(country=country, **month) for month in sums]


def total(months: list[MonthlyRevenue]) -> Decimal:
    return sum((month.revenue_eur for month in months), Decimal(0))
