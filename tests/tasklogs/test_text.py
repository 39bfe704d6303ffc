"""Text and JSON that any column takes, and lines as plain text."""

import json
from datetime import UTC, datetime

import pytest

from pulse.text import storable, storable_json
from tasklogs.lines import label, level_of
from tasklogs.text import text_of


def row(message, **fields):
    known = {"seq": 1, "level": "info", "stage": "read", "task_id": None, "metadata": None} | fields
    return {"timestamp": datetime(2025, 12, 6, 2, 0, 0, 123999, tzinfo=UTC), "message": message, **known}


def test_a_line_of_text_has_time_level_stage_task_and_message():
    assert text_of(row("Starting")) == "[2025-12-06T02:00:00.123Z] INFO  read: Starting\n"
    assert text_of(row("x", level="error", task_id="t-1")) == "[2025-12-06T02:00:00.123Z] ERROR read/t-1: x\n"


def test_a_message_cannot_pass_for_another_line_nor_command_a_terminal():
    told = text_of(row("a\n[2025-12-06T02:00:00.123Z] ERROR x: forged\r\n\x1b[2Jb\x07\x9b\u2028c"))
    assert told == (
        "[2025-12-06T02:00:00.123Z] INFO  read: a\n"
        "    [2025-12-06T02:00:00.123Z] ERROR x: forged\n"
        "    ␛[2Jb␇\\x9b\n"
        "    c\n"
    )


def test_a_traceback_follows_its_line():
    told = text_of(row("bad", metadata={"traceback": "Traceback:\n  x"}))
    assert told == "[2025-12-06T02:00:00.123Z] INFO  read: bad\n    Traceback:\n      x\n"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("plain", "plain"),
        ("naïve 🙂", "naïve 🙂"),
        ("a\x00b", "a␀b"),
        ("\udcff", "\\udcff"),
        ("\ud83d alone", "\\ud83d alone"),
        ("\x1b[0m\t\n", "\x1b[0m\t\n"),
    ],
)
def test_text_is_kept_or_shown(given, kept):
    assert storable(given) == kept
    assert json.loads(storable_json({given: [given]})) == {kept: [kept]}


def test_json_of_odd_values_becomes_words():
    class Odd:
        def __str__(self):
            raise ValueError

    loop = []
    loop.append(loop)
    assert json.loads(storable_json([float("inf"), {1, 2}, b"x", Odd(), 10**400, None, True])) == [
        "inf",
        [1, 2],
        "b'x'",
        "<Odd that cannot be shown>",
        str(10**400),
        None,
        True,
    ]
    assert storable_json(loop).startswith("[[[[")
    assert json.loads(storable_json({"ok": {"n": [1, 2.5, "x"]}})) == {"ok": {"n": [1, 2.5, "x"]}}


def test_python_levels_are_four():
    assert [level_of(number) for number in (5, 10, 20, 25, 30, 40, 50)] == [
        "debug", "debug", "info", "info", "warn", "error", "error",
    ]  # fmt: skip


def test_a_long_label_keeps_its_ends_and_stays_in_its_column():
    assert label("x" * 500) == "x" * 500
    assert label("a" * 300 + "b" * 300) == "a" * 249 + "…" + "b" * 250
