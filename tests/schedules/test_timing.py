"""When a schedule is due: intervals on their grid, cron as cron, one-off times, and what is refused."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pulse.errors import InvalidInput
from schedules import timing
from schedules.timing import Cron, Interval, Once, next_after

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)

moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
periods = st.integers(1, 400_000).map(lambda seconds: timedelta(seconds=seconds))
fields = st.tuples(
    st.sampled_from(["*", "0", "30", "*/7", "15,45", "10-20"]),
    st.sampled_from(["*", "0", "2", "*/5", "1-3", "23"]),
    st.sampled_from(["*", "1", "13", "L", "LW", "25-31"]),
    st.sampled_from(["*", "3", "10", "FEB", "4-11"]),
    st.sampled_from(["*", "0", "7", "5", "MON#2", "5L", "SAT,SUN"]),
)
zones = st.sampled_from(["UTC", "Europe/Paris", "America/New_York", "Australia/Lord_Howe", "America/Havana"])
crons = st.builds(lambda parts, zone: Cron(expression=" ".join(parts), timezone=zone), fields, zones)


class TestInterval:
    def test_the_first_due_time_is_the_anchor(self) -> None:
        rule = Interval(period=timedelta(seconds=30), anchor=NOON)
        assert rule.next_after(NOON - timedelta(days=1)) == NOON

    def test_the_next_one_is_on_the_grid_however_late_it_is(self) -> None:
        rule = Interval(period=timedelta(seconds=30), anchor=NOON)
        assert rule.next_after(NOON + timedelta(hours=2, seconds=7)) == NOON + timedelta(hours=2, seconds=30)

    def test_a_due_time_is_not_its_own_next(self) -> None:
        rule = Interval(period=timedelta(seconds=30), anchor=NOON)
        assert rule.next_after(NOON) == NOON + timedelta(seconds=30)

    @given(period=periods, anchor=moments, after=moments)
    def test_next_is_later_and_on_the_grid_and_at_most_one_period_away(
        self, period: timedelta, anchor: datetime, after: datetime
    ) -> None:
        found = Interval(period=period, anchor=anchor).next_after(after)
        assert found is not None
        assert found > after
        assert (found - anchor) % period == timedelta()
        assert found == anchor or found - after <= period

    @given(period=periods, anchor=moments, first=moments, second=moments)
    def test_next_never_goes_back(
        self, period: timedelta, anchor: datetime, first: datetime, second: datetime
    ) -> None:
        rule = Interval(period=period, anchor=anchor)
        early, late = (rule.next_after(moment) for moment in sorted((first, second)))
        assert early is not None
        assert late is not None
        assert early <= late

    @pytest.mark.parametrize("seconds", [0, -1, 0.5, 0.999999, 3650 * 86_400 + 1, float("inf"), float("nan")])
    def test_less_than_a_second_and_more_than_ten_years_are_refused(self, seconds: float) -> None:
        with pytest.raises(InvalidInput) as refusal:
            timing.interval(seconds, anchor=NOON)
        assert refusal.value.field == "interval_seconds"

    @pytest.mark.parametrize(
        ("seconds", "words"),
        [
            (1, "every second"),
            (30, "every 30 seconds"),
            (60, "every minute"),
            (90, "every 90 seconds"),
            (300, "every 5 minutes"),
            (3600, "every hour"),
            (5400, "every 90 minutes"),
            (86_400, "every day"),
            (172_800, "every 2 days"),
        ],
    )
    def test_words(self, seconds: int, words: str) -> None:
        assert timing.interval(seconds, anchor=NOON).words == words


class TestCron:
    @pytest.mark.parametrize(
        ("expression", "days"),
        [
            ("0 0 13 * 5", ["06", "13", "20", "27"]),  # the 13th OR a Friday: as cron means it
            ("0 0 * * 7", ["01", "08", "15", "22", "29"]),  # 7 is Sunday
            ("0 0 L * *", ["30"]),
            ("0 0 * * MON#2", ["09"]),
            ("0 0 * * 5L", ["27"]),
            ("@weekly", ["01", "08", "15", "22", "29"]),
            ("@monthly", ["01"]),
        ],
    )
    def test_days_of_november_2026(self, expression: str, days: list[str]) -> None:
        rule = timing.cron(expression, now=NOON)
        assert [f"{day:%d}" for day in due_times(rule, datetime(2026, 10, 31, 12, tzinfo=UTC), days=30)] == days

    @given(rule=crons, after=moments)
    def test_next_is_always_later_and_shown_by_the_clock_or_at_the_end_of_a_gap(
        self, rule: Cron, after: datetime
    ) -> None:
        found = rule.next_after(after)
        assert found is not None
        assert found > after
        assert found.second == found.microsecond == 0

    @given(rule=crons, first=moments, gap=st.timedeltas(timedelta(), timedelta(days=3)))
    def test_next_never_goes_back(self, rule: Cron, first: datetime, gap: timedelta) -> None:
        early, late = rule.next_after(first), rule.next_after(first + gap)
        assert early is not None
        assert late is not None
        assert early <= late
        assert late == early or early <= first + gap

    @given(text=st.text(max_size=40))
    def test_any_text_is_a_rule_or_is_refused(self, text: str) -> None:
        assert is_rule_or_refused(text)

    @given(text=st.lists(st.text("0123456789*,-/#LW", min_size=1, max_size=12), min_size=5, max_size=5).map(" ".join))
    def test_any_five_fields_are_a_rule_or_are_refused(self, text: str) -> None:
        assert is_rule_or_refused(text)

    @pytest.mark.parametrize(
        ("expression", "message"),
        [
            ("", "cron '' has 0 fields instead of 5"),
            ("* * * *", "cron '* * * *' has 4 fields instead of 5"),
            ("0 * * * * *", "cron '0 * * * * *' has 6 fields instead of 5"),
            ("60 * * * *", "'60 * * * *' is no cron expression: bad minute"),
            ("* 24 * * *", "'* 24 * * *' is no cron expression: bad hour"),
            ("* * 32 * *", "'* * 32 * *' is no cron expression: bad day-of-month"),
            ("* * * 13 *", "'* * * 13 *' is no cron expression: bad month"),
            ("* * * * 8", "'* * * * 8' is no cron expression: bad day-of-week"),
            ("a b c d e", "'a b c d e' is no cron expression: bad minute"),
            ("0 0 30 2 *", "cron '0 0 30 2 *' is never due: no such date comes in the next 50 years"),
            ("0 0 31 4,6 *", "cron '0 0 31 4,6 *' is never due: no such date comes in the next 50 years"),
            ("0 0 LW 2 */6", "cron '0 0 LW 2 */6' is never due: no such date comes in the next 50 years"),
            ("1," * 400 + "1 * * * *", "a cron expression has at most 600 characters"),
        ],
    )
    def test_what_is_refused_says_why(self, expression: str, message: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            timing.cron(expression, now=NOON)
        assert (refusal.value.field, refusal.value.message) == ("cron", message)

    @pytest.mark.parametrize(
        "zone", ["Mars/Olympus", "", "Europe", "../etc/passwd", "/etc/localtime", "x" * 5000, "\0"]
    )
    def test_a_time_zone_that_is_none_is_refused(self, zone: str) -> None:
        with pytest.raises(InvalidInput) as refusal:
            timing.cron("0 0 * * *", zone, now=NOON)
        assert refusal.value.field == "timezone"

    def test_words_name_the_zone_where_it_is_not_utc(self) -> None:
        assert timing.cron("30 2 * * *", now=NOON).words == "At 02:30 every day"
        assert timing.cron("30 2 * * *", "Europe/Paris", now=NOON).words == "At 02:30 every day (Europe/Paris)"


class TestLimits:
    def test_once_is_due_once(self) -> None:
        rule = Once(at=NOON)
        assert rule.next_after(NOON - timedelta(seconds=1)) == NOON
        assert rule.next_after(NOON) is None
        assert rule.words == "once at 2026-03-01 12:00:00 UTC"

    def test_nothing_is_due_before_the_start_and_the_start_itself_may_be(self) -> None:
        hourly = timing.cron("@hourly", now=NOON)
        start = NOON + timedelta(days=1)
        assert next_after(hourly, NOON, starts_at=start) == start

    def test_nothing_is_due_at_the_end_or_after_it(self) -> None:
        hourly = timing.cron("@hourly", now=NOON)
        assert next_after(hourly, NOON, ends_at=NOON + timedelta(hours=1)) is None
        assert next_after(hourly, NOON, ends_at=NOON + timedelta(hours=1, seconds=1)) == NOON + timedelta(hours=1)

    def test_the_end_of_time_is_never(self) -> None:
        last = datetime(9999, 12, 31, 23, 59, tzinfo=UTC)
        assert next_after(timing.cron("@daily", "Europe/Paris", now=NOON), last) is None
        assert next_after(Interval(period=timedelta(days=1), anchor=NOON), last) is None


def is_rule_or_refused(expression: str) -> bool:
    try:
        return bool(timing.cron(expression, now=NOON).words)
    except InvalidInput as refusal:
        return refusal.field == "cron"


def due_times(rule: timing.Rule, after: datetime, *, days: int) -> list[datetime]:
    """All due times later than `after`, for so many days."""
    found: list[datetime] = []
    end = after + timedelta(days=days)
    while (due := rule.next_after(found[-1] if found else after)) and due <= end:
        found.append(due)
    return found
