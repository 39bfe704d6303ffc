"""Children: their signals, their logs, and that they do not outlive us."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from pulse_project.embedded import process
from pulse_project.embedded.process import Child
from pulse_project.embedded.waiting import wait_until

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(60)"
)
WITH_GRANDCHILD = (
    "import subprocess, time; subprocess.Popen(['sleep', '60']); print('born', flush=True); time.sleep(60)"
)


def child(tmp_path: Path, code: str, *stop_signals: tuple[signal.Signals, float]) -> Child:
    return Child("test", [sys.executable, "-c", code], log=tmp_path / "log", stop_signals=stop_signals)


def test_one_that_does_not_obey_is_asked_more_firmly(tmp_path: Path) -> None:
    stubborn = child(tmp_path, STUBBORN, (signal.SIGTERM, 0.1), (signal.SIGINT, 5.0))
    stubborn.start()
    assert wait_until(lambda: "deaf" in stubborn.said(), timeout_s=10)
    stubborn.stop()
    assert stubborn.exit_code() == -signal.SIGINT


def test_one_that_obeys_nothing_is_killed(tmp_path: Path) -> None:
    stubborn = child(tmp_path, STUBBORN, (signal.SIGTERM, 0.1))
    stubborn.start()
    assert wait_until(lambda: "deaf" in stubborn.said(), timeout_s=10)
    stubborn.stop()
    assert stubborn.exit_code() == -signal.SIGKILL


def test_what_a_child_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    parent = child(tmp_path, WITH_GRANDCHILD, (signal.SIGTERM, 5.0))
    parent.start()
    assert wait_until(lambda: "born" in parent.said(), timeout_s=10)
    (grandchild,) = psutil.Process(parent.pid).children()
    parent.stop()
    assert not psutil.wait_procs([grandchild], timeout=5)[1]


def test_children_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    """Through a process in between, which starts one and is killed before it can stop anything."""
    between = textwrap.dedent(f"""
        import time
        from pathlib import Path
        from pulse_project.embedded.process import Child
        child = Child("sleeper", ["sleep", "60"], log=Path({str(tmp_path / "sleeper.log")!r}))
        child.start()
        print(child.pid, flush=True)
        time.sleep(60)
    """)
    with subprocess.Popen([sys.executable, "-c", between], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        sleeper = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        assert not psutil.wait_procs([sleeper], timeout=5)[1]


def test_only_the_last_start_counts_as_said(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("an earlier start\n")
    talker = child(tmp_path, "print('one\\ntwo')", (signal.SIGTERM, 1.0))
    talker.start()
    assert talker.ended(10)
    assert talker.said() == "one\ntwo\n"
    assert talker.last_words() == "two"


def test_a_long_log_is_set_aside_at_the_next_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LOG_KEPT_BYTES", 5)
    (tmp_path / "web.log").write_text("long enough")
    process.set_aside(tmp_path / "web.log")
    assert not (tmp_path / "web.log").exists()
    assert (tmp_path / "web.log.old").read_text() == "long enough"
