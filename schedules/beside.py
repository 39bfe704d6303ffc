"""django-celery-beat's rows and Pulse's schedules: what the one means to the other, and how Pulse writes them.

Pulse writes PeriodicTasks with `update` and `bulk_create`, never with `save`: `save` also touches one row that every
edit of every schedule waits for, and sends the signals that tell Pulse of other people's edits.

Locks: a PeriodicTask is locked before its Schedule. Who holds a Schedule first (the ticker) never waits for one.
"""

import json
import re
from calendar import day_name, month_name
from datetime import timedelta
from typing import Any, Final, TypeVar

from django.db import connection
from django.db.models import Model
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from pulse.errors import InvalidInput
from pulse.registry import registry
from schedules.models import Schedule
from schedules.timing import zone_of

CELERY_TASK: Final = "celery.task"  # the handler for tasks that are no handlers of Pulse
CRON_FIELDS: Final = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week")
LONG_NAMES: Final = re.compile("|".join((*day_name, *month_name[1:])), re.IGNORECASE)  # cron has three letters
TIMING: Final = ("interval_s", "cron", "once_at", "timezone", "starts_at", "ends_at", "is_one_off")

OFF: Final = {"enabled": False, "last_run_at": None}  # as django-celery-beat itself writes it

Row = TypeVar("Row", bound=Model)

TASK_ROWS: Final = """
    django_celery_beat_periodictask p
    LEFT JOIN django_celery_beat_intervalschedule i ON i.id = p.interval_id
    LEFT JOIN django_celery_beat_crontabschedule c ON c.id = p.crontab_id
    LEFT JOIN django_celery_beat_clockedschedule k ON k.id = p.clocked_id
"""
FINGERPRINT: Final = """md5(ROW(
    p.name, p.task, p.args, p.kwargs, p.enabled, p.one_off, p.start_time, p.expires,
    p.interval_id, i.every, i.period,
    p.crontab_id, c.minute, c.hour, c.day_of_month, c.month_of_year, c.day_of_week, c.timezone,
    p.clocked_id, k.clocked_time, p.solar_id
)::text)"""
REMEMBER: Final = f"""
UPDATE pulse_schedule s SET periodic_task_seen = {FINGERPRINT}
FROM {TASK_ROWS}
WHERE s.periodic_task_id = p.id AND s.id = ANY(%s)
"""  # noqa: S608  constants of this module
UNSEEN: Final = f"""
SELECT p.id FROM {TASK_ROWS}
LEFT JOIN pulse_schedule s ON s.periodic_task_id = p.id
WHERE s.id IS NULL OR s.periodic_task_seen <> {FINGERPRINT}
ORDER BY p.id LIMIT %s
"""  # noqa: S608  constants of this module


def remember(*schedules: Schedule) -> None:
    """Note that these schedules say what their PeriodicTasks say now."""
    with connection.cursor() as cursor:
        cursor.execute(REMEMBER, [[schedule.pk for schedule in schedules]])


def unseen(limit: int) -> list[int]:
    """PeriodicTasks that have no schedule beside them, or that were changed without their schedule being told."""
    with connection.cursor() as cursor:
        cursor.execute(UNSEEN, [limit])
        return [row[0] for row in cursor.fetchall()]


def timing_of(task: PeriodicTask) -> dict[str, Any]:
    """The schedule's columns that say when, as the PeriodicTask has them. Raises InvalidInput for a solar one."""
    if task.solar_id:
        raise InvalidInput("schedules by the sun are not supported: choose an interval, a crontab or a clocked time")
    every, crontab, clocked = task.interval, task.crontab, task.clocked
    return {
        "interval_s": _seconds(every) if every else None,
        "cron": cron_of(crontab) if crontab else None,
        "once_at": clocked.clocked_time if clocked else None,
        "timezone": str(crontab.timezone or "UTC") if crontab else "UTC",
        "starts_at": task.start_time,
        "ends_at": task.expires,
        "is_one_off": task.one_off,
    }


def cron_of(row: CrontabSchedule) -> str:
    """Five fields with one space between; Celery also takes blanks inside a field, and names written out."""
    fields = ("".join(getattr(row, name).split()) or "*" for name in CRON_FIELDS)
    return LONG_NAMES.sub(lambda name: name[0][:3], " ".join(fields))


def work_of(task: PeriodicTask) -> tuple[str, dict[str, Any]]:
    """Handler and payload: a handler's own name takes the kwargs, any other task is run by `celery.task`.

    Raises InvalidInput for arguments that are no JSON, or that a handler cannot take.
    """
    args, kwargs = _json(task.args, "args", list), _json(task.kwargs, "kwargs", dict)
    if task.task not in registry:
        return CELERY_TASK, {"task": task.task, "args": args, "kwargs": kwargs}
    if args:
        raise InvalidInput(f"handler '{task.task}' takes its payload as keyword arguments only", field="payload")
    return task.task, kwargs


def written(handler_name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """The PeriodicTask's columns for a handler and its payload: what `work_of` reads."""
    if handler_name == CELERY_TASK:
        args, kwargs = payload.get("args", []), payload.get("kwargs", {})
        return {"task": payload["task"], "args": json.dumps(args), "kwargs": json.dumps(kwargs)}
    return {"task": handler_name, "args": "[]", "kwargs": json.dumps(payload)}


def interval_row(seconds: int) -> IntervalSchedule:
    """The shared row of an interval, made where it is missing."""
    wanted = {"every": seconds, "period": IntervalSchedule.SECONDS}
    return IntervalSchedule.objects.filter(**wanted).first() or _made(IntervalSchedule(**wanted))


def crontab_row(expression: str, timezone: str) -> CrontabSchedule:
    """The shared row of a cron expression in a time zone, made where it is missing."""
    fields = dict(zip(CRON_FIELDS, expression.split(), strict=True))
    wanted = {**fields, "timezone": zone_of(timezone)}
    return CrontabSchedule.objects.filter(**wanted).first() or _made(CrontabSchedule(**wanted))


def check_lengths(expression: str) -> None:
    """Raises InvalidInput for a cron expression that a crontab row has no room for."""
    for name, text in zip(CRON_FIELDS, expression.split(), strict=True):
        longest = CrontabSchedule._meta.get_field(name).max_length
        if len(text) > longest:
            raise InvalidInput(f"cron: {name.replace('_', ' ')} has more than {longest} characters", field="cron")


def unique_name(name: str, schedule_id: str) -> str:
    """PeriodicTask names are unique, schedule names are not."""
    return f"{name[:150]} [{schedule_id}]"


def plain_name(task: PeriodicTask, schedule_id: str) -> str:
    """The schedule's name of a PeriodicTask's."""
    return str(task.name).removesuffix(f" [{schedule_id}]")


def _made(row: Row) -> Row:
    type(row)._default_manager.bulk_create([row])
    return row


def _seconds(row: IntervalSchedule) -> float:
    try:
        return timedelta(**{row.period: row.every}).total_seconds()
    except OverflowError:
        raise InvalidInput(f"an interval of {row.every} {row.period} is too long", field="interval_seconds") from None


def _json(text: str, name: str, kind: type) -> Any:
    try:
        value = json.loads(text or "null") or kind()
    except ValueError as error:
        raise InvalidInput(f"the periodic task's {name} are no JSON: {error}", field="payload") from None
    if "\\u0000" in text:
        raise InvalidInput(f"the periodic task's {name} contain a NUL character", field="payload")
    if not isinstance(value, kind):
        raise InvalidInput(f"the periodic task's {name} are no JSON {kind.__name__}", field="payload")
    return value
