"""Writing lines to the database."""

import logging
from typing import Any, Final

from django.db import Error, InterfaceError, InternalError, OperationalError, connection, transaction

from pulse.text import storable_json
from tasklogs.lines import Line

logger = logging.getLogger(__name__)
COLUMNS: Final = ", ".join(Line._fields)
COPY: Final = f"COPY task_logs ({COLUMNS}) FROM STDIN"
INSERT: Final = (
    f"INSERT INTO task_logs ({COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"  # noqa: S608
)
SAME: Final = "SELECT 1 FROM task_logs WHERE execution_id = %s AND seq = %s AND timestamp = %s AND message = %s"
# An execution was ended on behalf of its process, which turns out to have said more: the line that ends it goes last.
MOVE_AWAY: Final = "UPDATE task_logs SET seq = -seq WHERE execution_id = %s AND seq = %s"
MOVE_BACK: Final = """
UPDATE task_logs SET seq = (SELECT max(seq) + 1 FROM task_logs WHERE execution_id = %s)
WHERE execution_id = %s AND seq < 0
"""
ESCAPED: Final = str.maketrans(
    {"\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\v": "\\v", "\f": "\\f", "\r": "\\r"}
)
LATER: Final = (OperationalError, InterfaceError, InternalError)  # the database is away or unwell: try again


def write(lines: list[Line]) -> None:
    """Write lines of any executions, each once, by COPY. Raises one of LATER when that has to wait.

    Lines that are there already (a write whose success was not heard of) are left as they are. A line that the
    database will never take is replaced by one that says so.
    """
    try:
        _copy(lines)
    except LATER:
        raise
    except Error as error:
        logger.info("log lines are written one by one: %s", error)
        with transaction.atomic():
            for line in lines:
                _insert(line)
            for execution_id in {line.execution_id for line in lines}:
                _execute(MOVE_BACK, (execution_id, execution_id))


def _copy(lines: list[Line]) -> None:
    block = "".join(map(_packed, lines)).encode()
    with connection.cursor() as cursor, connection.wrap_database_errors, cursor.copy(COPY) as copy:
        copy.write(block)  # at once: row by row, this thread would beg a busy handler for the interpreter's lock


def _packed(line: Line) -> str:
    """A row as COPY's text format has it."""
    execution_id, job_id, seq, stage, task_id, timestamp, level, message, metadata = line
    return (
        f"{execution_id}\t{_escaped(job_id)}\t{seq}\t{_escaped(stage)}\t{_escaped(task_id)}\t{timestamp.isoformat()}\t"
        f"{level}\t{_escaped(message)}\t{_escaped(metadata)}\n"
    )


def _escaped(text: str | None) -> str:
    if text is None:
        return "\\N"
    return text if text.isprintable() and "\\" not in text else text.translate(ESCAPED)


def _insert(line: Line) -> None:
    try:
        with transaction.atomic():
            _place(line)
    except LATER:
        raise
    except Error as error:
        note = storable_json({"error": str(error)})
        _place(line._replace(message="This line could not be stored", level="warn", metadata=note))


def _place(line: Line) -> None:
    if (
        _execute(INSERT, line) == 0
        and _execute(SAME, (line.execution_id, line.seq, line.timestamp, line.message)) == 0
    ):
        _execute(MOVE_AWAY, (line.execution_id, line.seq))
        _execute(INSERT, line)


def _execute(statement: str, given: Any) -> int:
    """How many rows it found or changed."""
    with connection.cursor() as cursor:
        cursor.execute(statement, given)
        return int(cursor.rowcount)
