"""Lines in a file: in their order, whole, and never two owners."""

from datetime import UTC, datetime

import pytest

from tasklogs.lines import Line
from tasklogs.spill import Spill, left_behind

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def line(seq, message="said", **fields):
    known = {"job_id": "JB_1", "stage": "read", "task_id": None, "metadata": None} | fields
    return Line(execution_id="PX_1", seq=seq, timestamp=AT, level="info", message=message, **known)


@pytest.fixture
def spill(tmp_path):
    made = Spill(tmp_path / "spill", "PX_1.7", max_bytes=1 << 20)
    yield made
    made.release()


def test_lines_come_back_as_they_were_and_the_file_goes(spill):
    lines = [line(1, "a\nb\r\u2028c 🙂"), line(2, task_id="t", metadata='{"n": 1}', job_id=None)]
    assert spill.append(lines[:1])
    assert spill.append(lines[1:])
    assert spill.peek() == lines
    assert spill.peek() == lines  # until it is said that they are written
    spill.advance()
    assert not spill.has_lines
    assert not spill.path.exists()


def test_lines_added_after_a_peek_come_with_the_next_one(spill):
    spill.append([line(1)])
    spill.peek()
    spill.append([line(2)])
    spill.advance()
    assert spill.peek() == [line(2)]


def test_a_line_longer_than_one_read_comes_whole(spill, monkeypatch):
    monkeypatch.setattr("tasklogs.spill.READ_BYTES", 64)
    lines = [line(1, "x" * 5_000), line(2, "y" * 5_000)]
    spill.append(lines)
    assert spill.peek() == lines[:1]
    spill.advance()
    assert spill.peek() == lines[1:]


def test_a_full_file_takes_nothing_more_and_keeps_what_it_has(tmp_path):
    small = Spill(tmp_path, "PX_1", max_bytes=150)
    assert small.append([line(1)])
    assert not small.append([line(2), line(3)])
    assert small.peek() == [line(1)]
    small.release()


def test_a_file_in_use_is_nobody_elses_and_one_left_behind_is_taken_over_once(spill, tmp_path):
    spill.append([line(1)])
    assert list(left_behind(tmp_path / "spill", max_bytes=1)) == []
    spill.release()
    (heir,) = left_behind(tmp_path / "spill", max_bytes=1)
    assert heir.peek() == [line(1)]
    assert list(left_behind(tmp_path / "spill", max_bytes=1)) == []
    heir.advance()
    assert not spill.path.exists()


def test_a_line_that_a_crash_cut_off_does_not_hide_the_others(spill, tmp_path):
    spill.append([line(1), line(2)])
    whole = spill.path.read_bytes()
    spill.release()
    spill.path.write_bytes(whole[:-20])
    (heir,) = left_behind(tmp_path / "spill", max_bytes=1)
    assert heir.peek() == [line(1)]
    heir.advance()
    assert not heir.has_lines


def test_an_empty_folder_or_none_is_no_fault(tmp_path):
    assert list(left_behind(tmp_path, max_bytes=1)) == []
    assert list(left_behind(tmp_path / "missing", max_bytes=1)) == []
