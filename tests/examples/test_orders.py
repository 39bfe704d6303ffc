"""Rows of an orders file are taken or refused, each with a reason."""

from datetime import date
from decimal import Decimal

import pytest

from examples.orders import DATA, OrderRow, Refusal, check, read

GOOD = {
    "order_no": "SO-10001",
    "ordered_on": "2025-03-01",
    "customer": "Ann",
    "email": "ann@example.com",
    "country": "DE",
    "product": "Pen",
    "quantity": "2",
    "unit_price_eur": "7.90",
}


def checked(*rows):
    return list(check(list(enumerate(rows, start=2)), {}))


def test_a_good_row_becomes_an_order_with_typed_values():
    (row,) = checked(GOOD)
    assert row == OrderRow(
        order_no="SO-10001", ordered_on=date(2025, 3, 1), customer="Ann", email="ann@example.com", country="DE",
        product="Pen", quantity=2, unit_price_eur=Decimal("7.90"),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("column", "value"),
    [("order_no", ""), ("order_no", "10001"), ("ordered_on", "2025-02-30"), ("ordered_on", "31/04/2025"),
     ("customer", "  "), ("email", "ann-at-example.com"), ("country", "XX"), ("country", "Germany"),
     ("quantity", "0"), ("quantity", "-2"), ("quantity", "three"), ("unit_price_eur", "12,50"),
     ("unit_price_eur", "0"), ("unit_price_eur", "NaN"), ("unit_price_eur", "1.234"), ("product", None)],
)  # fmt: skip
def test_a_bad_value_is_refused_and_its_column_named(column, value):
    (refusal,) = checked({**GOOD, column: value})
    assert (refusal.line, refusal.reason.split(":")[0]) == (2, column)


def test_a_repeated_order_number_is_refused_and_the_first_stays():
    first, second = checked(GOOD, GOOD)
    assert first.order_no == "SO-10001"
    assert second == Refusal(3, "order_no: SO-10001 is already in line 2")


def test_a_row_with_too_many_columns_is_refused(tmp_path):
    path = tmp_path / "orders.csv"
    path.write_text(f"{','.join(GOOD)}\n{','.join(GOOD.values())},surplus\n")
    (refusal,) = check(read(path), {})
    assert refusal.line == 2


def test_the_file_that_ships_has_480_good_and_20_bad_rows():
    results = list(check(read(DATA / "orders.csv"), {}))
    assert len(results) == 500
    assert sum(isinstance(result, Refusal) for result in results) == 20
    assert len({result.reason.split(":")[0] for result in results if isinstance(result, Refusal)}) == 8
