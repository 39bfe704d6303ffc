"""The emitter of seed 003: every call is a line, keeps its context, and reaches the wrapped one unchanged."""

import pytest

from tasklogs.emitter import LogCapturingEmitter
from tasklogs.flusher import flusher
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


class Remembering:
    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *given: self.calls.append((name, *given))


def told(lines):
    return [(line.stage, line.task_id, line.level, line.message, line.metadata) for line in lines[1:-1]]


def test_info_is_a_line_and_is_passed_on(perform, lines_of):
    inner = Remembering()
    lines = lines_of(perform(lambda run: LogCapturingEmitter(run, inner).emit_info("100 % read")))
    assert told(lines) == [("test.work", None, "info", "100 % read", None)]
    assert inner.calls == [("emit_info", "100 % read")]


def test_a_stage_lasts_until_the_next_and_an_error_enters_its_own(perform, lines_of):
    inner = Remembering()

    def work(run):
        emitter = LogCapturingEmitter(run, inner)
        emitter.emit_stage("read_jd", "Reading")
        emitter.emit_info("one")
        emitter.emit_stage("extract_requirements", "Extracting")
        emitter.emit_error("extract", FileNotFoundError("file not found"))
        emitter.emit_info("after")

    assert told(lines_of(perform(work))) == [
        ("read_jd", None, "info", "Reading", None),
        ("read_jd", None, "info", "one", None),
        ("extract_requirements", None, "info", "Extracting", None),
        ("extract", None, "error", "file not found", None),
        ("extract", None, "info", "after", None),
    ]
    assert [name for name, *_ in inner.calls] == ["emit_stage", "emit_info", "emit_stage", "emit_error", "emit_info"]
    assert str(inner.calls[3][2]) == "file not found"


def test_a_unit_of_work_fills_the_task_until_the_next_stage(perform, lines_of):
    def work(run):
        emitter = LogCapturingEmitter(run)
        emitter.emit_stage("score", "Scoring")
        emitter.emit_task("candidate-7", "fits", {"score": 0.9})
        emitter.emit_info("on it")
        emitter.emit_stage("end", "Ending")

    assert told(lines_of(perform(work))) == [
        ("score", None, "info", "Scoring", None),
        ("score", "candidate-7", "info", "fits", {"score": 0.9}),
        ("score", "candidate-7", "info", "on it", None),
        ("end", None, "info", "Ending", None),
    ]


def test_progress_and_completion_are_lines_with_their_numbers(perform, lines_of):
    inner = Remembering()

    def work(run):
        emitter = LogCapturingEmitter(run, inner)
        emitter.emit_progress(10, {"batch": 1})
        emitter.emit_progress(1)
        emitter.emit_complete({"rows": 11})
        return str(run.progress_current)

    execution = perform(work)
    assert [line[3:] for line in told(lines_of(execution))] == [
        ("Progress: 10 more", {"count": 10, "batch": 1}),
        ("Progress: 1 more", {"count": 1}),
        ("Job completed", {"rows": 11}),
    ]
    assert execution.result_summary == "11"
    assert inner.calls == [
        ("emit_progress", 10, {"batch": 1}),
        ("emit_progress", 1, None),
        ("emit_complete", {"rows": 11}),
    ]


def test_wrappers_may_be_stacked(perform, lines_of):
    inner = Remembering()
    perform(lambda run: LogCapturingEmitter(run, LogCapturingEmitter(run, inner)).emit_info("through"))
    assert inner.calls == [("emit_info", "through")]


def test_a_database_that_is_away_is_not_noticed(perform, lines_of, database_away):
    inner = Remembering()

    def work(run):
        emitter = LogCapturingEmitter(run, inner)
        with database_away():
            emitter.emit_stage("read", "Reading")
            wait_for(lambda: flusher.failures)
            emitter.emit_info("in the dark")

    execution = perform(work)
    assert execution.status == "completed"
    assert inner.calls == [("emit_stage", "read", "Reading"), ("emit_info", "in the dark")]
    wait_for(lambda: [line[3] for line in told(lines_of(execution))] == ["Reading", "in the dark"])
