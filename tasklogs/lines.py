"""One line of an execution's log, and how a logging record becomes one. Pure."""

import json
import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

LABEL_MAX: Final = 500  # characters of a stage or task that are kept: they are indexed
LEVELS: Final = (("debug", logging.INFO), ("info", logging.WARNING), ("warn", logging.ERROR))  # name, and below what
OWN: Final = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", "task_id", "task_name"})
OVERHEAD_BYTES: Final = 300  # what a line takes in memory beside its text

formatter: Final = logging.Formatter()


class Line(NamedTuple):
    """As its row is: the names of the fields are the columns'."""

    execution_id: str
    job_id: str | None
    seq: int
    stage: str
    task_id: str | None
    timestamp: datetime
    level: str  # debug, info, warn, error
    message: str
    metadata: str | None  # JSON

    @property
    def size(self) -> int:
        """Bytes it takes in memory, about."""
        return len(self.message) + len(self.metadata or "") + OVERHEAD_BYTES


def level_of(number: int) -> str:
    """Our four levels of Python's numbers; critical is an error."""
    return next((name for name, below in LEVELS if number < below), "error")


def label(text: str) -> str:
    """A stage's or task's name as it is kept: a very long one loses its middle (paths differ at the end)."""
    half = LABEL_MAX // 2
    return text if len(text) <= LABEL_MAX else f"{text[: half - 1]}…{text[-half:]}"


def message_of(record: logging.LogRecord) -> str:
    """The formatted message; where its arguments do not fit, both are shown as they are."""
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError, IndexError, AttributeError, UnicodeError) as error:
        return f"{record.msg!r} with {record.args!r} (not formatted: {error})"


def metadata_of(record: logging.LogRecord, *, named: bool) -> dict[str, Any] | None:
    """`extra={"metadata": {...}}`, any other extra attribute, and the traceback; with `named` the logger's name."""
    fields = vars(record)
    found: dict[str, Any] = {name: fields[name] for name in fields.keys() - OWN}
    given = found.pop("metadata", None)
    if isinstance(given, Mapping):
        found.update(given)
    elif given is not None:
        found["metadata"] = given
    if named:
        found["logger"] = record.name
    if record.exc_info and record.exc_info[0]:
        found["traceback"] = record.exc_text or formatter.formatException(record.exc_info)
    if record.stack_info:
        found["stack"] = record.stack_info
    return found or None


def wire(line: Line, *, line_id: int | None = None) -> dict[str, Any]:
    """A line as the API gives it. `id` is null while it is only news."""
    return {
        "id": line_id,
        "seq": line.seq,
        "execution_id": line.execution_id,
        "stage": line.stage,
        "task_id": line.task_id,
        "timestamp": line.timestamp.isoformat().replace("+00:00", "Z"),
        "level": line.level,
        "message": line.message,
        "metadata": None if line.metadata is None else json.loads(line.metadata),
    }
