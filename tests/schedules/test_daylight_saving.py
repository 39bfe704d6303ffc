"""Cron over every change of the clocks of 2026 and 2027. The table in docs/schedules.md is this one."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from schedules.timing import Cron

PARIS, NEW_YORK, LORD_HOWE = "Europe/Paris", "America/New_York", "Australia/Lord_Howe"

# What the wall clock shows when it is due, with the offset from UTC: (zone, day of the change, cron, due times).
SPRING = [
    (PARIS, "2026-03-29", "30 2 * * *", ["03:00+02:00"]),
    (PARIS, "2027-03-28", "30 2 * * *", ["03:00+02:00"]),
    (PARIS, "2026-03-29", "15,45 2 * * *", ["03:00+02:00"]),
    (PARIS, "2026-03-29", "0 3 * * *", ["03:00+02:00"]),
    (PARIS, "2026-03-29", "*/30 2 * * *", []),
    (PARIS, "2026-03-29", "0 1-3 * * *", ["01:00+01:00", "03:00+02:00"]),
    (NEW_YORK, "2026-03-08", "30 2 * * *", ["03:00-04:00"]),
    (NEW_YORK, "2027-03-14", "30 2 * * *", ["03:00-04:00"]),
    (LORD_HOWE, "2026-10-04", "15 2 * * *", ["02:30+11:00"]),
    (LORD_HOWE, "2027-10-03", "15 2 * * *", ["02:30+11:00"]),
    (LORD_HOWE, "2026-10-04", "*/10 2 * * *", ["02:30+11:00", "02:40+11:00", "02:50+11:00"]),
]
AUTUMN = [
    (PARIS, "2026-10-25", "30 2 * * *", ["02:30+02:00"]),
    (PARIS, "2027-10-31", "30 2 * * *", ["02:30+02:00"]),
    (PARIS, "2026-10-25", "*/30 2 * * *", ["02:00+02:00", "02:30+02:00", "02:00+01:00", "02:30+01:00"]),
    (PARIS, "2026-10-25", "0 1-3 * * *", ["01:00+02:00", "02:00+02:00", "03:00+01:00"]),
    (NEW_YORK, "2026-11-01", "30 1 * * *", ["01:30-04:00"]),
    (NEW_YORK, "2027-11-07", "30 1 * * *", ["01:30-04:00"]),
    (LORD_HOWE, "2026-04-05", "45 1 * * *", ["01:45+11:00"]),
    (LORD_HOWE, "2027-04-04", "45 1 * * *", ["01:45+11:00"]),
    (LORD_HOWE, "2026-04-05", "*/15 1 * * *",
     ["01:00+11:00", "01:15+11:00", "01:30+11:00", "01:45+11:00", "01:30+10:30", "01:45+10:30"]),
    (LORD_HOWE, "2026-04-05", "*/10 2 * * *",
     ["02:00+10:30", "02:10+10:30", "02:20+10:30", "02:30+10:30", "02:40+10:30", "02:50+10:30"]),
]  # fmt: skip


@pytest.mark.parametrize(("zone", "day", "expression", "expected"), SPRING + AUTUMN)
def test_the_day_of_a_change(zone: str, day: str, expression: str, expected: list[str]) -> None:
    assert [shown(due) for due in on_day(zone, day, expression)] == expected


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        (PARIS, "2026-03-29", 23), (PARIS, "2026-10-25", 25), (PARIS, "2027-03-28", 23), (PARIS, "2027-10-31", 25),
        (NEW_YORK, "2026-03-08", 23), (NEW_YORK, "2026-11-01", 25),
        (NEW_YORK, "2027-03-14", 23), (NEW_YORK, "2027-11-07", 25),
    ],
)  # fmt: skip
def test_an_hourly_cron_runs_each_hour_that_the_day_has(zone: str, day: str, hours: int) -> None:
    due = on_day(zone, day, "0 * * * *")
    assert len(due) == hours
    assert steps(due) == {timedelta(hours=1)}


@pytest.mark.parametrize(
    ("day", "halves"), [("2026-04-05", 49), ("2026-10-04", 47), ("2027-04-04", 49), ("2027-10-03", 47)]
)
def test_a_zone_that_moves_by_half_an_hour(day: str, halves: int) -> None:
    due = on_day(LORD_HOWE, day, "*/30 * * * *")
    assert len(due) == halves
    assert steps(due) == {timedelta(minutes=30)}


@pytest.mark.parametrize("zone", [PARIS, NEW_YORK, LORD_HOWE])
@pytest.mark.parametrize("year", [2026, 2027])
def test_a_daily_cron_runs_once_a_day_all_year(zone: str, year: int) -> None:
    for expression in ("30 2 * * *", "30 1 * * *", "0 0 * * *"):
        due = between(zone, datetime(year, 1, 1), datetime(year + 1, 1, 1), expression)  # noqa: DTZ001  local
        assert [moment.date() for moment in due] == sorted({moment.date() for moment in due})
        assert len(due) == 365


@pytest.mark.parametrize("zone", ["UTC", PARIS, NEW_YORK])
@pytest.mark.parametrize("expression", ["30 2 * * *", "0 * * * *", "*/20 2 * * *", "0 0 13 * 5", "15 1,2,3 * * SUN"])
def test_a_year_is_the_list_of_cronsim(zone: str, expression: str) -> None:
    start = datetime(2026, 1, 1, tzinfo=ZoneInfo(zone))
    end = start.replace(year=2027)
    expected = [due.astimezone(UTC) for due in takewhile(lambda due: due < end, CronSim(expression, start))]
    found = [due.astimezone(UTC) for due in between(zone, datetime(2026, 1, 1), datetime(2027, 1, 1), expression)]  # noqa: DTZ001
    assert [due for due in found if due > start] == expected


def test_a_start_within_the_repeated_hour_finds_what_is_left_of_it() -> None:
    zone = ZoneInfo(PARIS)
    first, second = (datetime(2026, 10, 25, 2, 40, tzinfo=zone, fold=fold) for fold in (0, 1))
    every_half_hour = Cron(expression="*/30 * * * *", timezone=PARIS)
    daily = Cron(expression="30 2 * * *", timezone=PARIS)
    assert shown(following(every_half_hour, first)) == "02:00+01:00"
    assert shown(following(every_half_hour, second)) == "03:00+01:00"
    assert following(daily, first).date() == following(daily, second).date() == datetime(2026, 10, 26).date()  # noqa: DTZ001


def on_day(zone: str, day: str, expression: str) -> list[datetime]:
    start = datetime.fromisoformat(day)
    return between(zone, start, start + timedelta(days=1), expression)


def between(zone: str, start: datetime, end: datetime, expression: str) -> list[datetime]:
    """Due times from one local midnight up to another, in local time."""
    rule = Cron(expression=expression, timezone=zone)
    last = end.replace(tzinfo=ZoneInfo(zone))
    found = following(rule, start.replace(tzinfo=ZoneInfo(zone)) - timedelta(microseconds=1))
    due: list[datetime] = []
    while found.astimezone(UTC) < last.astimezone(UTC):
        due.append(found)
        found = following(rule, found)
    return due


def steps(due: list[datetime]) -> set[timedelta]:
    """The times that really pass between one due time and the next."""
    real = [moment.astimezone(UTC) for moment in due]
    return {later - earlier for earlier, later in pairwise(real)}


def following(rule: Cron, after: datetime) -> datetime:
    found = rule.next_after(after)
    assert found is not None
    return found.astimezone(ZoneInfo(rule.timezone))


def shown(moment: datetime) -> str:
    return moment.isoformat()[11:16] + moment.isoformat()[-6:]
