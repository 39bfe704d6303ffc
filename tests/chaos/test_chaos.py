"""What is promised, after everything was killed with -9 again and again while jobs ran (docs/guarantees.md).

Each test looks at the same run. That a handler ran is known from what it wrote to a file itself; that a row changed,
from a trigger in PostgreSQL.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta

import pytest

from pulse.states import ALLOWED
from tests.chaos.aftermath import Aftermath, Row, Span
from tests.chaos.handlers import QUEUE
from tests.chaos.limits import AT_ONCE, AT_ONCE_PER_KEY

FINAL = {"completed", "failed", "cancelled"}
SAFE = ["work", "limited", "keyed", "once", "tick", "child", "flaky", "parent", "chunked"]
MUST_COMPLETE = {f"chaos.{kind}" for kind in SAFE}
FRAGILE = {"chaos.fragile", "chaos.fragile-chunked"}


def test_every_job_is_final_in_time(after: Aftermath) -> None:
    shown = ("id", "handler_name", "status", "attempt", "worker_id", "waiting_reason", "error_message")
    assert [{name: row[name] for name in shown} for row in after.unfinished] == [], after.machine.folder
    assert {row["status"] for row in after.jobs.values()} <= FINAL


def test_no_process_ended_but_those_that_were_killed(after: Aftermath) -> None:
    assert after.machine.ended_alone == []


def test_every_job_that_was_taken_is_there(after: Aftermath) -> None:
    assert len(after.taken) > 0
    assert set(after.taken) <= set(after.jobs)


def test_what_is_safe_to_repeat_completed_and_what_cannot_succeed_failed(after: Aftermath) -> None:
    ended = {(row["handler_name"], row["status"]) for row in after.jobs.values()}
    assert {pair for pair in ended if pair[0] in MUST_COMPLETE} == {(name, "completed") for name in MUST_COMPLETE}
    assert {status for name, status in ended if name == "chaos.broken"} == {"failed"}


def test_a_completed_job_ran_to_its_end_and_its_outcome_was_lost_only_with_its_process(after: Aftermath) -> None:
    for job_id, row in after.jobs.items():
        ends = [span for span in after.spans_by_job[job_id] if span.how == "returned"]
        assert ends or row["status"] != "completed", job_id
        assert [span for span in ends[:-1] if not after.was_killed_after(span)] == []


def test_what_is_not_safe_to_repeat_began_at_most_once(after: Aftermath) -> None:
    fragile = [job_id for job_id, row in after.jobs.items() if row["handler_name"] in FRAGILE]
    assert {after.jobs[job_id]["handler_name"] for job_id in fragile} == FRAGILE
    for job_id in fragile:
        row, spans = after.jobs[job_id], after.spans_by_job[job_id]
        assert len(spans) <= 1
        if row["status"] == "failed":
            assert row["error_code"] == "worker_lost"
            assert all(after.was_killed_after(span) for span in spans)
        else:
            assert [span.how for span in spans] == ["returned"]


def test_no_job_had_to_wait_for_its_time_limit(after: Aftermath) -> None:
    assert [row["id"] for row in after.executions.values() if "time limit" in (row["error_message"] or "")] == []


def test_each_execution_began_once_and_ended_once(after: Aftermath) -> None:
    moves: dict[str, list[tuple[str | None, str | None]]] = defaultdict(list)
    for move in after.moves:
        if move["kind"] == "execution":
            moves[move["row_id"]].append((move["before"], move["after"]))
    refused = [(None, "running"), ("running", None)]  # a gate said no: it never began
    for execution_id, seen in moves.items():
        if seen != refused:
            end = after.executions[execution_id]["status"]
            assert end in {"completed", "failed"}
            assert seen == [(None, "running"), ("running", end)], execution_id
            assert after.executions[execution_id]["completed_at"] is not None


def test_each_try_of_a_job_has_one_execution(after: Aftermath) -> None:
    attempts: dict[str, list[int]] = defaultdict(list)
    for row in after.executions.values():
        attempts[row["job_id"]].append(row["attempt"])
    for job_id, row in after.jobs.items():
        assert sorted(attempts[job_id]) == list(range(1, row["attempt"] + 1)), job_id


def test_each_try_was_called_once_and_by_one_process(after: Aftermath) -> None:
    """In a chunk, what is safe to repeat is written down a moment later: killed within it, it never began."""
    written_first = [span for span in after.spans if span.handler != "chaos.chunked"]
    assert repeated((span.job, span.attempt) for span in written_first) == []
    assert {span.execution for span in written_first} <= set(after.executions)
    assert repeated(span.execution for span in after.spans) == []
    missing = [span for span in after.spans if span.execution not in after.executions]
    assert [span for span in missing if not after.was_killed_after(span)] == []


def test_no_two_tries_of_a_job_ran_at_the_same_time(after: Aftermath) -> None:
    for spans in after.spans_by_job.values():
        assert [pair for pair in zip(spans, spans[1:], strict=False) if pair[1].begin_ns < pair[0].end_ns] == []


def test_a_try_without_an_end_is_one_whose_process_was_killed(after: Aftermath) -> None:
    assert [span for span in after.spans if span.how == "killed" and span.end_ns < 0] == []


def test_jobs_and_executions_changed_only_in_ways_that_are_allowed(after: Aftermath) -> None:
    moves = {(move["before"], move["after"]) for move in after.moves if move["kind"] == "job"}
    allowed = {(before.value, to.value) for before, targets in ALLOWED.items() for to in targets}
    assert moves <= allowed


def test_nothing_runs_and_no_place_of_a_limit_is_taken(after: Aftermath) -> None:
    assert after.machine.rows("SELECT * FROM pulse_job WHERE status = 'running'") == []
    assert after.machine.rows("SELECT * FROM pulse_executions WHERE status = 'running'") == []
    assert after.machine.rows("SELECT * FROM pulse_slot WHERE job_id IS NOT NULL") == []


def test_limits_were_kept(after: Aftermath) -> None:
    limited = [span for span in after.spans if span.handler == "chaos.limited"]
    assert 1 <= most_at_once(limited) <= AT_ONCE
    by_key: dict[str, list[Span]] = defaultdict(list)
    for span in after.spans:
        if span.handler == "chaos.keyed":
            by_key[after.jobs[span.job]["concurrency_key"]].append(span)
    assert {most_at_once(spans) for spans in by_key.values()} == {AT_ONCE_PER_KEY}


def test_a_key_had_one_active_job_at_a_time_or_one_for_its_time(after: Aftermath) -> None:
    by_key: dict[str, list[Row]] = defaultdict(list)
    for row in sorted(after.jobs.values(), key=lambda row: row["created_at"]):
        if row["dedup_key"]:
            by_key[row["dedup_key"]].append(row)
    assert by_key
    for key, rows in by_key.items():
        if key.startswith("hour"):
            assert len(rows) == 1
        assert all(row["finished_at"] <= later["created_at"] for row, later in zip(rows, rows[1:], strict=False))


def test_no_job_began_before_its_time(after: Aftermath) -> None:
    for row in after.executions.values():
        asked = after.jobs[row["job_id"]]["run_at"]
        assert asked is None or row["attempt"] > 1 or row["started_at"] >= asked


def test_parents_have_exactly_the_children_they_asked_for_and_went_on_after_the_last(after: Aftermath) -> None:
    children: dict[str, list[Row]] = defaultdict(list)
    for row in after.jobs.values():
        if row["parent_id"]:
            children[row["parent_id"]].append(row)
    parents = [row for row in after.jobs.values() if row["handler_name"] == "chaos.parent"]
    assert parents
    for row in parents:
        wanted = row["payload"]["children"]
        assert len(children[row["id"]]) == wanted
        assert row["result_summary"] == f"{wanted} of {wanted} children completed"
        assert max(child["finished_at"] for child in children[row["id"]]) <= row["finished_at"]


def test_only_what_failed_for_good_has_a_dead_letter_and_one(after: Aftermath) -> None:
    letters = after.machine.rows("SELECT job_id FROM pulse_dead_letter")
    failed = [job_id for job_id, row in after.jobs.items() if row["status"] == "failed"]
    assert sorted(letter["job_id"] for letter in letters) == sorted(failed)


def test_no_due_time_was_doubled_and_none_left_out_but_those_one_late_run_stands_for(after: Aftermath) -> None:
    schedules = after.machine.rows("SELECT * FROM pulse_schedule")
    assert schedules
    for schedule in schedules:
        jobs = [row for row in after.jobs.values() if row["schedule_id"] == schedule["id"]]
        fired = {row["due_at"]: row["created_at"] for row in jobs}
        assert len(fired) == len(jobs) == schedule["run_count"]
        assert left_out(schedule["anchor_at"], timedelta(seconds=schedule["interval_s"]), fired) == []


def test_messages_that_are_left_or_doubled_do_nothing(after: Aftermath) -> None:
    assert after.echoes == 0
    assert after.machine.lists_of_broker().get(QUEUE, 0) == 0


@pytest.mark.parametrize("trouble", ["Traceback (most recent call last)", "CRITICAL"])
def test_the_log_of_beat_has_no_trace_of_an_error_nobody_expected(after: Aftermath, trouble: str) -> None:
    assert [name for name, text in after.machine.logs().items() if name.startswith("beat") and trouble in text] == []


def repeated(things: Iterable[object]) -> list[object]:
    return [thing for thing, times in Counter(things).items() if times > 1]


def most_at_once(spans: list[Span]) -> int:
    """The largest number that ran at one moment."""
    changes = sorted([(span.begin_ns, 1) for span in spans] + [(span.end_ns, -1) for span in spans])
    running = most = 0
    for _, change in changes:
        running += change
        most = max(most, running)
    return most


def left_out(anchor: datetime, period: timedelta, fired: dict[datetime, datetime]) -> list[datetime]:
    """Due times without a job that were still to come when the job before them was written."""
    missing = []
    due, last_written = anchor, anchor
    while due <= max(fired):
        if due in fired:
            last_written = fired[due]
        elif due > last_written:
            missing.append(due)
        due += period
    return missing
