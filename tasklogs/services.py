"""Reading lines: stages, pages, text."""

from collections.abc import AsyncIterator
from typing import Any, Final

from executions.models import Execution
from executions.services import get as get_execution
from pulse.errors import NotFound
from pulse.models import Job
from tasklogs.models import TaskLog, TaskLogQuerySet
from tasklogs.text import FIELDS, text_of

CHUNK: Final = 2_000  # lines read at once for text
LINE: Final = ("id", "seq", "execution_id", "stage", "task_id", "timestamp", "level", "message", "metadata")


def lines_of_job(job_id: str) -> TaskLogQuerySet:
    """All lines of a job's executions, in the order they were written. Raises NotFound."""
    found = TaskLog.objects.filter(job_id=job_id).order_by("id")
    if not (Job.objects.filter(pk=job_id).exists() or found.exists()):  # lines may outlive their job
        raise NotFound(f"there is no job '{job_id}'")
    return found


def lines_of_execution(execution_id: str) -> tuple[Execution, TaskLogQuerySet]:
    """Its lines in their order. Raises NotFound."""
    return get_execution(execution_id), TaskLog.objects.filter(execution_id=execution_id).order_by("seq")


def lines_of_task(task_id: str) -> TaskLogQuerySet:
    """The lines of a task in any job. A task's id is unique only within its job. Raises NotFound."""
    return _some(TaskLog.objects.of_task(task_id).order_by("id"), f"there is no task '{task_id}'")


def lines_of_task_in(job_id: str, task_id: str) -> TaskLogQuerySet:
    """Raises NotFound."""
    return _some(lines_of_job(job_id).of_task(task_id), f"job '{job_id}' has no task '{task_id}'")


def page(lines: TaskLogQuerySet, *, limit: int) -> tuple[list[dict[str, Any]], bool]:
    """The first lines in the API's shape, and whether there are more."""
    found = list(lines.values(*LINE)[: limit + 1])
    return found[:limit], len(found) > limit


def stages(lines: TaskLogQuerySet) -> list[dict[str, Any]]:
    """Stages with their tasks in the order of their first lines, with counts, levels, first and last time."""
    found: dict[str, dict[str, Any]] = {}
    for group in lines.counted():
        stage = found.setdefault(group["stage"], _empty("stage", group["stage"]) | {"tasks": {}})
        task = stage["tasks"].setdefault(group["task_label"], _empty("task_id", group["task_label"]))
        for part in (stage, task):
            _add(part, group)
    return [stage | {"tasks": list(stage["tasks"].values())} for stage in found.values()]


def tail(lines: TaskLogQuerySet, *, limit: int) -> tuple[str, int]:
    """The newest lines as text, and how many are before them."""
    total = lines.count()
    rows = list(lines.order_by("-seq").values(*FIELDS)[:limit])
    return "".join(text_of(row) for row in reversed(rows)), total - len(rows)


async def stream(lines: TaskLogQuerySet) -> AsyncIterator[str]:
    """All lines of one execution as text, read piece by piece: however long the log, memory stays small."""
    after = 0
    while rows := [row async for row in lines.filter(seq__gt=after).values(*FIELDS)[:CHUNK]]:
        yield "".join(text_of(row) for row in rows)
        after = rows[-1]["seq"]


def _some(lines: TaskLogQuerySet, otherwise: str) -> TaskLogQuerySet:
    if not lines.exists():
        raise NotFound(otherwise)
    return lines


def _empty(kind: str, name: str) -> dict[str, Any]:
    return {kind: name, "log_count": 0, "first_at": None, "last_at": None, "levels": {}}


def _add(part: dict[str, Any], group: dict[str, Any]) -> None:
    part["log_count"] += group["lines"]
    part["levels"][group["level"]] = part["levels"].get(group["level"], 0) + group["lines"]
    part["first_at"] = min(filter(None, (part["first_at"], group["first_at"])))
    part["last_at"] = max(filter(None, (part["last_at"], group["last_at"])))
