"""Reading and checking a file of orders. Pure: no database, no run."""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

DATA: Final = Path(__file__).parent / "data"
Country = Literal["AT", "BE", "DE", "DK", "ES", "FI", "FR", "IE", "IT", "NL", "PT", "SE"]


class OrderRow(BaseModel):
    """What a row must hold to be imported."""

    model_config = ConfigDict(str_strip_whitespace=True, extra="forbid")

    order_no: str = Field(pattern=r"^SO-\d{5,}$")
    ordered_on: date
    customer: str = Field(min_length=1, max_length=200)
    email: str = Field(pattern=r"^[^@\s]+@[^@\s]+\.[a-z]{2,}$")
    country: Country
    product: str = Field(min_length=1, max_length=200)
    quantity: int = Field(gt=0, le=10_000)
    unit_price_eur: Decimal = Field(gt=0, max_digits=10, decimal_places=2)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that is not imported, and why."""

    line: int  # in the file, from 1; the header is line 1
    reason: str  # one sentence


Line = tuple[int, Mapping[str, Any]]  # the line's number in the file, and what it holds by column


def read(path: Path) -> list[Line]:
    """Every row below the header. Raises FileNotFoundError, UnicodeDecodeError."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        return [(reader.line_num, row) for row in reader]


def check(lines: list[Line], known: dict[str, int]) -> Iterator[OrderRow | Refusal]:
    """Each row as an order, or why it is refused. `known` holds the line of each order number and is added to."""
    for number, columns in lines:
        try:
            row = OrderRow.model_validate({name: value for name, value in columns.items() if value is not None})
        except ValidationError as error:
            fault = error.errors()[0]
            yield Refusal(number, f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}")
            continue
        if row.order_no in known:
            yield Refusal(number, f"order_no: {row.order_no} is already in line {known[row.order_no]}")
            continue
        known[row.order_no] = number
        yield row
