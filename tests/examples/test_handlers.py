"""The examples do real work, twice is the same as once, and they tell how far they are."""

import hashlib
import time
from datetime import date
from decimal import Decimal

import pytest
from django.apps import apps

from examples.models import IndexedFile, MonthlyRevenue, Order
from examples.schedules import SCHEDULES
from pulse import services
from pulse.errors import InvalidPayload
from pulse.registry import registry


def order(number, **fields):
    return Order.objects.create(
        **{
            "order_no": number, "ordered_on": date(2025, 3, 1), "customer": "Ann", "email": "ann@example.com",
            "country": "DE", "product": "Pen", "quantity": 2, "unit_price_eur": Decimal("7.90"),
            "imported_at": "2025-03-02T00:00Z", **fields,
        }
    )  # fmt: skip


def messages(caplog):
    return [record.getMessage() for record in caplog.records if record.name == "pulse.run"]


def test_the_import_writes_the_good_rows_and_says_which_it_refused(perform, caplog):
    job = perform("examples.csv_import")
    assert (job.status, job.error_message) == ("completed", "")
    assert job.result_summary == "480 rows imported (480 new), 20 refused"
    assert (job.progress_current, job.progress_total, job.stage) == (500, 500, "writing")
    assert Order.objects.count() == 480
    assert sum(record.levelname == "WARNING" for record in caplog.records) == 20
    assert "Line 66 refused: order_no: SO-10049 is already in line 50" in messages(caplog)


def test_importing_again_changes_what_differs_and_adds_nothing(perform):
    perform("examples.csv_import")
    Order.objects.filter(order_no="SO-10001").update(customer="somebody else")
    job = perform("examples.csv_import", batch_size=7)
    assert job.result_summary == "480 rows imported (0 new), 20 refused"
    assert Order.objects.count() == 480
    assert Order.objects.get(order_no="SO-10001").customer == "Rosa Ylönen"


@pytest.mark.parametrize("file", ["missing.csv", "../settings.py", "/etc/passwd", "", "."])
def test_the_import_reads_only_files_of_its_own_folder(file):
    with pytest.raises(InvalidPayload, match=r"there is no file .* in examples/data"):
        services.validated_payload("examples.csv_import", {"file": file})


def test_the_index_holds_size_lines_and_checksum_of_every_file(perform):
    root = apps.get_app_config("admin").path
    job = perform("examples.index_folder")
    assert job.status == "completed"
    assert (job.progress_current, job.stage) == (job.progress_total, "tidying")
    assert IndexedFile.objects.count() == job.progress_total > 40
    with open(f"{root}/templates/admin/base.html", "rb") as file:
        content = file.read()
    base = IndexedFile.objects.get(folder="admin/templates", path="admin/base.html")
    assert (base.size_bytes, base.lines) == (len(content), content.count(b"\n"))
    assert base.sha256 == hashlib.sha256(content).hexdigest()
    total = sum(IndexedFile.objects.values_list("size_bytes", flat=True))
    count = job.progress_total
    assert job.result_summary == f"{count} files indexed, {total:,} bytes; {count} new or changed, 0 gone"


def test_indexing_again_counts_what_changed_and_forgets_what_is_gone(perform):
    perform("examples.index_folder")
    IndexedFile.objects.filter(path="admin/base.html").update(sha256="0" * 64)
    IndexedFile.objects.filter(path="admin/index.html").update(path="admin/gone.html")
    job = perform("examples.index_folder")
    assert job.result_summary.endswith("; 2 new or changed, 1 gone")
    assert not IndexedFile.objects.filter(path="admin/gone.html").exists()
    assert not IndexedFile.objects.filter(sha256="0" * 64).exists()


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({"app": "nothing"}, "no app 'nothing' is installed"),
        ({"folder": "nothing"}, "app 'admin' has no folder 'nothing'"),
        ({"folder": "../../.."}, "app 'admin' has no folder '../../..'"),
        ({"folder": "/etc"}, "app 'admin' has no folder '/etc'"),
    ],
)
def test_only_folders_of_installed_apps_are_indexed(payload, message):
    with pytest.raises(InvalidPayload, match=message):
        services.validated_payload("examples.index_folder", payload)


def test_the_report_adds_up_the_orders_by_month_and_country(perform):
    order("SO-10001")
    order("SO-10002", quantity=1, unit_price_eur=Decimal("0.20"))
    order("SO-10003", ordered_on=date(2025, 4, 30))
    order("SO-10004", country="FR", quantity=100)
    job = perform("examples.revenue_report")
    assert job.result_summary == "€ 821.80 from 4 orders in 2 countries"
    assert (job.progress_current, job.progress_total, job.stage) == (2, 2, "writing")
    rows = MonthlyRevenue.objects.values_list("month", "country", "orders", "units", "revenue_eur")
    assert list(rows) == [
        (date(2025, 3, 1), "DE", 2, 3, Decimal("16.00")),
        (date(2025, 3, 1), "FR", 1, 100, Decimal("790.00")),
        (date(2025, 4, 1), "DE", 1, 2, Decimal("15.80")),
    ]


def test_the_report_is_brought_up_to_date(perform):
    first = order("SO-10001")
    perform("examples.revenue_report")
    Order.objects.filter(pk=first.pk).update(quantity=10)
    perform("examples.revenue_report")
    assert MonthlyRevenue.objects.get().revenue_eur == Decimal("79.00")


def test_a_report_without_orders_says_what_is_missing(perform):
    assert perform("examples.revenue_report").result_summary == "no orders yet: run examples.csv_import first"


def test_with_their_own_pauses_the_examples_can_be_watched(perform):
    begun = time.monotonic()
    perform("examples.csv_import", pause_s=0.1)  # after each of ten batches
    assert 1 <= time.monotonic() - begun < 10


def test_the_declared_schedules_fit_their_handlers():
    assert [declared.handler_name for declared in SCHEDULES] == [
        "examples.csv_import",
        "examples.revenue_report",
        "examples.index_folder",
    ]
    for declared in SCHEDULES:
        assert declared.handler_name in registry
        assert services.validated_payload(declared.handler_name, declared.payload) == declared.payload


def test_what_they_wrote_can_be_looked_at_and_not_edited(perform, admin_client):
    perform("examples.csv_import")
    perform("examples.revenue_report")
    perform("examples.index_folder")
    for name, text in [("order", "Rosa Ylönen"), ("monthlyrevenue", "DE"), ("indexedfile", "admin/base.html")]:
        page = admin_client.get(f"/admin/examples/{name}/")
        assert (page.status_code, text in page.content.decode()) == (200, True)
        assert admin_client.get(f"/admin/examples/{name}/add/").status_code == 403


def test_the_api_gives_a_schema_of_every_payload(admin_client):
    told = admin_client.get("/api/pulse/handlers/").json()["handlers"]
    handlers = {handler["name"]: handler["payload_schema"] for handler in told}
    assert handlers["examples.csv_import"]["properties"]["file"]["default"] == "orders.csv"
    assert handlers["http.request"]["required"] == ["url"]
    assert handlers["django.command"]["properties"]["command"]["enum"] == ["check", "clearsessions"]
    assert set(handlers["celery.task"]["properties"]) == {"task", "args", "kwargs"}
