"""Lines as plain text. Pure.

A message is data: it cannot move a terminal's cursor, nor pass for another line. What follows a line's break is
indented, control characters are shown as signs.
"""

from datetime import datetime
from typing import Any, Final, TypedDict

INDENT: Final = "\n    "
SHOWN: Final = {
    **{code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\t\n"},  # ESC as ␛
    0x7F: "\u2421",
    **{code: f"\\x{code:02x}" for code in range(0x80, 0xA0)},
    0x2028: INDENT,
    0x2029: INDENT,
    ord("\n"): INDENT,
}


class Row(TypedDict):
    """The columns of a line that its text is made of."""

    seq: int
    timestamp: datetime
    level: str
    stage: str
    task_id: str | None
    message: str
    metadata: dict[str, Any] | None


FIELDS: Final = tuple(Row.__annotations__)


def text_of(row: Row) -> str:
    """`[2025-12-06T02:00:00.123Z] INFO  stage/task: message`, ending with a line's break."""
    at = f"{row['timestamp']:%Y-%m-%dT%H:%M:%S}.{row['timestamp'].microsecond // 1000:03d}Z"
    place = row["stage"] if row["task_id"] is None else f"{row['stage']}/{row['task_id']}"
    trace = (row["metadata"] or {}).get("traceback")
    message = f"{row['message']}\n{trace}" if isinstance(trace, str) else row["message"]
    return f"[{at}] {row['level'].upper():<5} {shown(place)}: {shown(message)}\n"


def shown(text: str) -> str:
    return text.replace("\r\n", "\n").translate(SHOWN)
