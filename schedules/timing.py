"""When a schedule is due. Pure: a rule and a time in, a time out.

Daylight saving time, for cron in the schedule's own zone (docs/schedules.md has the table). A rule whose minute or
hour begins with `*` follows the wall clock: it runs in both passes of a repeated hour, and not in an hour that is
left out. Any other rule runs once for each of its times: in the first pass of a repeated hour, and at the end of a
gap where its time is left out. (Source: Debian's cron.)
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from pulse.errors import InvalidInput

INTERVAL_MIN: Final = timedelta(seconds=1)
INTERVAL_MAX: Final = timedelta(days=3650)
CRON_MAX_LENGTH: Final = 600  # characters
ANY_TIME: Final = datetime(2026, 1, 1)  # noqa: DTZ001  where an expression is parsed and not followed
TICK: Final = timedelta(microseconds=1)  # the smallest step of a datetime

ALIASES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
UNITS: Final = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))  # name, seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Due at the anchor and every `period` after it: a grid that being late does not move."""

    period: timedelta
    anchor: datetime

    @property
    def words(self) -> str:
        seconds = self.period.total_seconds()
        name, size = next((unit for unit in UNITS if seconds % unit[1] == 0), UNITS[-1])
        count = seconds / size
        return f"every {name}" if count == 1 else f"every {count:g} {name}s"

    def next_after(self, after: datetime) -> datetime | None:
        if not INTERVAL_MIN <= self.period <= INTERVAL_MAX:
            raise InvalidInput(
                f"an interval is at least 1 second and at most {INTERVAL_MAX.days} days, "
                f"this one has {self.period.total_seconds():g} seconds",
                field="interval_seconds",
            )
        steps = (after - self.anchor) // self.period + 1
        return self.anchor + max(0, steps) * self.period


@dataclass(frozen=True, slots=True, kw_only=True)
class Cron:
    """Due when the wall clock of a time zone shows one of the expression's times."""

    expression: str  # five fields
    timezone: str  # IANA name

    @property
    def words(self) -> str:
        explained = _parsed(self.expression, ANY_TIME).explain()
        return explained if self.timezone == "UTC" else f"{explained} ({self.timezone})"

    def next_after(self, after: datetime) -> datetime | None:
        """Walks the matches on the wall clock. In an hour that comes twice it starts at the first pass and goes on
        to the end of the second, because the wall clock's order is not the order of time there."""
        zone = zone_of(self.timezone)
        local = after.astimezone(zone)
        repeated = _offset(local, fold=0) - _offset(local, fold=1)  # how much of the wall clock comes twice; mostly 0
        wall = local.replace(tzinfo=None, fold=0)
        found: datetime | None = None
        for match in _parsed(self.expression, wall - repeated):
            later = [moment for moment in self._moments(match, zone) if moment > after]
            found = min([found, *later] if found else later, default=None)
            if found and match >= wall + repeated:
                break
        return found

    def _moments(self, wall: datetime, zone: ZoneInfo) -> list[datetime]:
        """The moments (UTC) at which a match on the wall clock is due: none, one or two."""
        first, second = (wall.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        if first > second:  # the wall clock never shows it
            return [] if self._follows_wall_clock else [_end_of_gap(wall, zone)]
        return [first, second] if first < second and self._follows_wall_clock else [first]

    @property
    def _follows_wall_clock(self) -> bool:
        minute, hour, *_ = self.expression.split()
        return minute.startswith("*") or hour.startswith("*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Once:
    """Due at one moment."""

    at: datetime

    @property
    def words(self) -> str:
        return f"once at {self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"

    def next_after(self, after: datetime) -> datetime | None:
        return self.at if self.at > after else None


Rule = Interval | Cron | Once


def next_after(
    rule: Rule, after: datetime, *, starts_at: datetime | None = None, ends_at: datetime | None = None
) -> datetime | None:
    """The first due time later than `after`, at or after `starts_at` and before `ends_at`. None: never again.

    Raises InvalidInput for a rule that cannot be followed.
    """
    try:
        found = rule.next_after(after if starts_at is None else max(after, starts_at - TICK))
    except OverflowError:  # past the year 9999
        found = None
    return None if found is None or (ends_at is not None and found >= ends_at) else found


def interval(seconds: float, *, anchor: datetime) -> Interval:
    """Every so many seconds, counted from the anchor. Raises InvalidInput below 1 s and above ten years."""
    try:
        rule = Interval(period=timedelta(seconds=seconds), anchor=anchor)
    except (OverflowError, ValueError):
        raise InvalidInput(f"an interval of {seconds} seconds is no interval", field="interval_seconds") from None
    rule.next_after(anchor)
    return rule


def cron(expression: str, timezone: str = "UTC", *, now: datetime) -> Cron:
    """A cron rule with its aliases (@daily) written out. Raises InvalidInput: bad, or never due after `now`."""
    zone_of(timezone)
    rule = Cron(expression=plain(expression), timezone=timezone)
    if next_after(rule, now) is None:
        raise _never_due(expression)
    return rule


def plain(expression: str) -> str:
    """The expression as five fields with one space between. Raises InvalidInput where there are not five."""
    if len(expression) > CRON_MAX_LENGTH:
        raise InvalidInput(f"a cron expression has at most {CRON_MAX_LENGTH} characters", field="cron")
    fields = ALIASES.get(expression.strip().lower(), expression).split()
    if len(fields) != 5:
        raise InvalidInput(
            f"cron '{expression}' has {len(fields)} fields instead of 5",
            field="cron",
            hint="The fields are: minute, hour, day of month, month, day of week. For example: 30 2 * * 1-5",
        )
    return " ".join(fields)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises InvalidInput."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown; not a plain path; a folder such as "Europe", or far too long
        raise InvalidInput(
            f"there is no time zone '{name}'", field="timezone", hint="Use an IANA name such as Europe/Paris."
        ) from None


def _parsed(expression: str, wall: datetime) -> CronSim:
    """The matches after `wall`, on a wall clock without any daylight saving time. Raises InvalidInput."""
    try:
        return CronSim(plain(expression), wall)
    except CronSimError as error:
        if "day-of-month" in str(error) and _is_impossible_date(expression):
            raise _never_due(expression) from None
        raise InvalidInput(f"'{expression}' is no cron expression: {str(error).lower()}", field="cron") from None
    except (ValueError, AssertionError):
        raise InvalidInput(f"'{expression}' is no cron expression", field="cron") from None


def _is_impossible_date(expression: str) -> bool:
    """Whether the expression would be right in any other month: cronsim calls that a bad day, too."""
    minute, hour, day, _, weekday = expression.split()
    try:
        CronSim(f"{minute} {hour} {day} * {weekday}", ANY_TIME)
    except CronSimError:
        return False
    return True


def _never_due(expression: str) -> InvalidInput:
    return InvalidInput(
        f"cron '{expression}' is never due: no such date comes in the next 50 years",
        field="cron",
        hint="Look at the day of the month and the month together: 30 February does not exist.",
    )


def _offset(local: datetime, *, fold: int) -> timedelta:
    return local.replace(fold=fold).utcoffset() or timedelta()


def _end_of_gap(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which the wall clock jumps over `wall`."""
    while (moment := wall.replace(tzinfo=zone).astimezone(UTC)).astimezone(zone).replace(tzinfo=None) != wall:
        wall += timedelta(minutes=1)
    return moment
