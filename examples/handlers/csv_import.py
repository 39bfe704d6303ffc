"""`examples.csv_import`: read a file of orders, check every row, write the good ones."""

import time
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from examples.models import Order
from examples.orders import DATA, Line, OrderRow, Refusal, check, read
from pulse import clock
from pulse.registry import handler
from pulse.run import Run


def check_file(name: str) -> str:
    if Path(name).name != name or not (DATA / name).is_file():
        raise ValueError(f"there is no file '{name}' in examples/data")
    return name


class CsvImport(BaseModel):
    model_config = ConfigDict(extra="forbid")

    file: Annotated[str, AfterValidator(check_file)] = Field(
        default="orders.csv", description="A file in examples/data."
    )
    batch_size: int = Field(default=50, ge=1, le=1000, description="Rows that are checked, and written, at once.")
    pause_s: float = Field(
        default=0.3, ge=0, le=10, description="Seconds between two batches, so that one can watch."
    )


@handler(
    "examples.csv_import",
    payload=CsvImport,
    on_orphan="retry",  # writing a row twice is the same as once
    cost_estimate_usd=0,
    description="Imports the orders of a CSV file: reads, checks and writes them in batches.",
)
def csv_import(run: Run[CsvImport]) -> str:
    wanted = run.payload
    run.stage("reading", f"Reading {wanted.file}")
    lines = read(DATA / wanted.file)
    run.log.info("%d rows, %d bytes", len(lines), (DATA / wanted.file).stat().st_size)

    run.stage("checking", f"Checking {len(lines)} rows")
    good = check_in_batches(run, lines)
    refused = len(lines) - len(good)

    run.stage("writing", f"Writing {len(good)} orders, {refused} rows refused")
    run.progress(refused, total=len(lines))
    new = write_in_batches(run, good)
    return f"{len(good)} rows imported ({new} new), {refused} refused"


def check_in_batches(run: Run[CsvImport], lines: list[Line]) -> list[OrderRow]:
    """The rows that can be imported; every other one is a warning in the log."""
    good: list[OrderRow] = []
    known: dict[str, int] = {}
    for first in range(0, len(lines), run.payload.batch_size):
        batch = lines[first : first + run.payload.batch_size]
        with run.task(f"lines {batch[0][0]}-{batch[-1][0]}"):
            results = list(check(batch, known))
            refusals = [result for result in results if isinstance(result, Refusal)]
            for refusal in refusals:
                run.log.warning("Line %d refused: %s", refusal.line, refusal.reason)
            run.log.info("%d rows checked, %d refused", len(batch), len(refusals))
        good += [result for result in results if isinstance(result, OrderRow)]
    return good


def write_in_batches(run: Run[CsvImport], rows: list[OrderRow]) -> int:
    """Write every row, new or known. Returns how many were new."""
    new = 0
    for first in range(0, len(rows), run.payload.batch_size):
        batch = rows[first : first + run.payload.batch_size]
        with run.task(f"{batch[0].order_no} to {batch[-1].order_no}"):
            added = write(batch)
            run.log.info("%d orders written, %d of them new", len(batch), added)
        new += added
        run.progress(advance=len(batch))
        time.sleep(run.payload.pause_s)
    return new


def write(rows: list[OrderRow]) -> int:
    """Insert or update by order number. Returns how many were inserted."""
    known = Order.objects.filter(order_no__in=[row.order_no for row in rows]).count()
    now = clock.now()
    Order.objects.bulk_create(
        [Order(**row.model_dump(), imported_at=now) for row in rows],
        update_conflicts=True,
        unique_fields=["order_no"],
        update_fields=[*OrderRow.model_fields.keys() - {"order_no"}, "imported_at"],
    )
    return len(rows) - known
