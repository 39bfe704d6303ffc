"""What `manage.py load_examples` puts on the schedule of a new installation."""

from dataclasses import dataclass, field
from typing import Any, Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    name: str
    handler_name: str
    interval_s: int  # the first run is at once
    payload: dict[str, Any] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """What tells its schedule from every other one, also when it was renamed or deleted."""
        return f"example {self.handler_name}"


SCHEDULES: Final = (
    Declared(name="Import the orders", handler_name="examples.csv_import", interval_s=30),
    Declared(name="Add up the revenue", handler_name="examples.revenue_report", interval_s=20),
    Declared(name="Index the admin's templates", handler_name="examples.index_folder", interval_s=60),
)
