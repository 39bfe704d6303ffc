"""What an edit of a schedule comes to: checked columns for both of its rows. Nothing is written here."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, NotRequired, TypedDict

from pulse import services as jobs
from pulse.errors import InvalidInput, WrongStatus
from schedules import beside, timing
from schedules.models import ALLOWED, Schedule, ScheduleState
from schedules.refusals import Refusals, checked_json, checked_text
from schedules.timing import Rule

NAME_MAX_LENGTH: Final = 200  # characters
REASONS: Final = {
    ScheduleState.ACTIVE: "",
    ScheduleState.PAUSED: "paused by an operator",
    ScheduleState.STOPPING: "fires no more, and is waiting for its last job to end",
    ScheduleState.INACTIVE: "switched off by an operator",
}


class New(TypedDict):
    """What a schedule is made of; all but the handler and one of the times may be left out."""

    name: NotRequired[str]  # the handler's name where it is empty
    handler_name: str
    payload: NotRequired[dict[str, Any] | None]
    interval_s: NotRequired[float | None]  # whole seconds; exactly one of this and cron
    cron: NotRequired[str | None]
    timezone: NotRequired[str]  # of the cron; UTC where it is left out
    created_from: NotRequired[str]
    metadata: NotRequired[dict[str, Any] | None]


class Changes(TypedDict, total=False):
    name: str
    payload: dict[str, Any]
    interval_s: float | None  # exactly one of this and cron
    cron: str | None
    timezone: str
    metadata: dict[str, Any]
    state: str
    state_reason: str


@dataclass(slots=True)
class Edit:
    to: ScheduleState
    rule: Rule | None = None  # the new one; None where the times stay as they are
    schedule: dict[str, Any] = field(default_factory=dict)  # columns of the Schedule
    task: dict[str, Any] = field(default_factory=dict)  # columns of the PeriodicTask, but those of the rule


def new_schedule(
    *,
    name: str = "",
    handler_name: str,
    payload: dict[str, Any] | None = None,
    interval_s: float | None = None,
    cron: str | None = None,
    timezone: str = "UTC",
    created_from: str = "",
    metadata: dict[str, Any] | None = None,
    now: datetime,
) -> Schedule:
    """A checked schedule that is not written. One with an interval is due for the first time now.

    Raises UnknownHandler, InvalidPayload, InvalidInput; an InvalidInput that lists them where several are at fault.
    """
    columns: dict[str, Any] = {"handler_name": handler_name, "anchor_at": now}
    refusals = Refusals()
    with refusals.collect():
        columns["name"] = checked_text(name, field="name", longest=NAME_MAX_LENGTH) or handler_name
    with refusals.collect():
        columns["payload"] = jobs.validated_payload(handler_name, payload)
    with refusals.collect():
        columns["metadata"] = checked_json({} if metadata is None else metadata, field="metadata")
    with refusals.collect():
        columns["created_from"] = checked_text(created_from, field="created_from", longest=NAME_MAX_LENGTH)
    with refusals.collect():
        rule = rule_of(interval_s, cron, timezone, anchor=now, now=now)
        columns |= columns_of(rule, timezone)
        columns["next_run_at"] = now if isinstance(rule, timing.Interval) else rule.next_after(now)
    refusals.raise_any()
    return Schedule(**columns)


def edit_of(schedule: Schedule, changes: Changes, now: datetime) -> Edit:
    """Raises WrongStatus for a state it cannot go to, and InvalidInput (all of it at once) for what does not fit."""
    to = checked_state(schedule, changes.get("state"))
    edit, refusals = Edit(to), Refusals()
    with refusals.collect():
        _edit_texts(edit, schedule, changes)
    with refusals.collect():
        _edit_payload(edit, schedule, changes)
    with refusals.collect():
        _edit_timing(edit, schedule, changes, now)
        _edit_state(edit, schedule, changes.get("state_reason"))
        _edit_next(edit, schedule, now)
    refusals.raise_any()
    return edit


def checked_state(schedule: Schedule, wanted: str | None) -> ScheduleState:
    """The state an edit leads to. Raises InvalidInput for an unknown one, WrongStatus for one it cannot go to."""
    current = ScheduleState(schedule.state)
    if wanted is None or wanted == current:
        return current
    if wanted not in REASONS:
        raise InvalidInput(
            f"Invalid state: {wanted}", field="state", hint=f"It is one of {', '.join(sorted(REASONS))}."
        )
    if wanted not in ALLOWED[current]:
        raise WrongStatus(
            f"schedule {schedule.pk} is {current}: it cannot become {wanted}", field="state", current=current
        )
    return ScheduleState(wanted)


def rule_of(interval_s: float | None, cron: str | None, timezone: str, *, anchor: datetime, now: datetime) -> Rule:
    """The rule that exactly one of the two describes. Raises InvalidInput."""
    if cron is not None and interval_s is None:
        found = timing.cron(cron, timezone, now=now)
        beside.check_lengths(found.expression)
        return found
    if interval_s is None or cron is not None:
        given = "neither is given" if interval_s is None else "both are given"
        message = f"a schedule has either interval_seconds or cron: {given}"
        raise InvalidInput(
            message, errors=[{"field": name, "message": message} for name in ("interval_seconds", "cron")]
        )
    timing.zone_of(timezone)
    rule = timing.interval(interval_s, anchor=anchor)
    if rule.period.microseconds:
        raise InvalidInput("interval_seconds must be a whole number of seconds", field="interval_seconds")
    return rule


def columns_of(rule: Rule, timezone: str) -> dict[str, Any]:
    """The Schedule's columns of an interval or a cron."""
    return {
        "interval_s": rule.period.total_seconds() if isinstance(rule, timing.Interval) else None,
        "cron": rule.expression if isinstance(rule, timing.Cron) else None,
        "once_at": None,
        "timezone": timezone,
    }


def task_columns_of(rule: Rule) -> dict[str, Any]:
    """The PeriodicTask's columns of an interval or a cron; the rows they point to are made where missing."""
    every = int(rule.period.total_seconds()) if isinstance(rule, timing.Interval) else None
    cron = rule if isinstance(rule, timing.Cron) else None
    return {
        "interval": None if every is None else beside.interval_row(every),
        "crontab": None if cron is None else beside.crontab_row(cron.expression, cron.timezone),
        "clocked": None,
        "solar": None,
    }


def _edit_texts(edit: Edit, schedule: Schedule, changes: Changes) -> None:
    if "name" in changes:
        name = checked_text(changes["name"], field="name", longest=NAME_MAX_LENGTH) or schedule.handler_name
        edit.schedule["name"] = name
        edit.task["name"] = beside.unique_name(name, schedule.pk)
    if "metadata" in changes:
        edit.schedule["metadata"] = checked_json(changes["metadata"], field="metadata")


def _edit_payload(edit: Edit, schedule: Schedule, changes: Changes) -> None:
    resumes = edit.to == ScheduleState.ACTIVE != schedule.state
    if "payload" in changes or resumes:  # what was right once may not fit the handler of today
        payload = jobs.validated_payload(schedule.handler_name, changes.get("payload", schedule.payload))
        edit.schedule["payload"] = payload
        edit.task.update(beside.written(schedule.handler_name, payload))


def _edit_timing(edit: Edit, schedule: Schedule, changes: Changes, now: datetime) -> None:
    if not changes.keys() & {"interval_s", "cron", "timezone"}:
        return
    interval_s, cron = schedule.interval_s, schedule.cron
    if "interval_s" in changes or "cron" in changes:
        interval_s, cron = changes.get("interval_s"), changes.get("cron")
    timezone = changes.get("timezone", schedule.timezone)
    edit.rule = rule_of(interval_s, cron, timezone, anchor=schedule.anchor_at, now=now)
    edit.schedule.update(columns_of(edit.rule, timezone))


def _edit_state(edit: Edit, schedule: Schedule, reason: str | None) -> None:
    edit.task.update({"enabled": True} if edit.to == ScheduleState.ACTIVE else beside.OFF)
    if reason is not None:
        edit.schedule["state_reason"] = checked_text(reason, field="state_reason", longest=1000)
    if edit.to != schedule.state:
        edit.schedule["state_reason"] = edit.schedule.get("state_reason") or REASONS[edit.to]


def _edit_next(edit: Edit, schedule: Schedule, now: datetime) -> None:
    """The next due time is looked for anew only where it may have changed: one that is overdue stays due."""
    if edit.to != ScheduleState.ACTIVE:
        edit.schedule["next_run_at"] = None
    elif edit.rule is not None or edit.to != schedule.state:
        wanted = edit.rule or schedule.rule
        found = timing.next_after(wanted, now, starts_at=schedule.starts_at, ends_at=schedule.ends_at)
        if found is None:
            raise InvalidInput(f"no due time is left of '{wanted.words}'", field="state")
        edit.schedule["next_run_at"] = found
