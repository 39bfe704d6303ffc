"""One run of chaos, and what it left, for all tests of this folder.

The environment sets how long: CHAOS_JOBS, CHAOS_SECONDS and CHAOS_SEED (`make chaos`). The default is the short form.
"""

import os
from collections.abc import Iterator

import pytest

from tests.chaos.aftermath import Aftermath, Length, bring_about
from tests.chaos.machine import machine

SEED = int(os.environ.get("CHAOS_SEED", "11"))
JOBS = int(os.environ.get("CHAOS_JOBS", "150"))
SECONDS = float(os.environ.get("CHAOS_SECONDS", "8"))
IS_LONG = SECONDS > 20
SAID = pytest.StashKey[str]()

SHORT_LEASES = {
    "PULSE_WORKER_HEARTBEAT_S": "1",
    "PULSE_WORKER_LOST_AFTER_S": "5",
    "PULSE_REPUBLISH_AFTER_S": "3",
    "PULSE_RECOVERY_FIRST": "1000",  # of so few jobs none has to wait
}
LONG_LEASES = {"PULSE_RECOVERY_FIRST": "100", "PULSE_RECOVERY_SPREAD_S": "20"}  # the rest is as in production

LENGTH = Length(
    jobs=JOBS,
    seconds=SECONDS,
    patience_s=240.0 if IS_LONG else 60.0,
    schedules=10 if IS_LONG else 3,
    workers=2,
    beats=2 if IS_LONG else 1,
    concurrency=2,
    settings=LONG_LEASES if IS_LONG else SHORT_LEASES,
)


@pytest.fixture(scope="session")
def after(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Aftermath]:
    """Everything still runs, so that a test may look at it."""
    with machine(
        tmp_path_factory.mktemp("chaos") / "data",
        workers=LENGTH.workers,
        beats=LENGTH.beats,
        concurrency=LENGTH.concurrency,
        settings=LENGTH.settings,
    ) as built:
        found = bring_about(built, LENGTH, SEED)
        say(pytestconfig, found)
        yield found


def say(config: pytest.Config, after: Aftermath) -> None:
    config.stash[SAID] = (
        f"CHAOS_SEED={SEED} CHAOS_JOBS={JOBS} CHAOS_SECONDS={SECONDS:g}: {len(after.machine.killed)} kills, "
        f"{len(after.jobs)} jobs, {len(after.spans)} tries, all final {after.recovery_s:.1f} s after the last kill\n"
        f"killed: {after.story()}"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The seed and what it did, also when all goes well."""
    if said := terminalreporter.config.stash.get(SAID, ""):
        terminalreporter.section("chaos")
        terminalreporter.write_line(said)
