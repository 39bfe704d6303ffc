"""The database or the broker is gone for longer than a worker's lease, while its jobs go on: no job is taken from it.

Nothing here may be saved by publishing again: that is set far off.
"""

import random
import time
from collections.abc import Callable, Iterator

import pytest

from pulse_project.embedded.waiting import wait_until
from tests.chaos.aftermath import Row
from tests.chaos.journal import runs
from tests.chaos.killing import again
from tests.chaos.machine import Machine, machine

LEASE_S = 5.5
OUTAGE_S = 7.0
SHORT_OUTAGE_S = 2.0
SETTINGS = {
    "PULSE_WORKER_HEARTBEAT_S": "1.2",  # slower than beat, which looks for lost workers each second
    "PULSE_WORKER_LOST_AFTER_S": f"{LEASE_S:g}",
    "PULSE_REPUBLISH_AFTER_S": "600",
}


@pytest.fixture(scope="module")
def pulse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One worker with two processes."""
    folder = tmp_path_factory.mktemp("outages") / "data"
    with machine(folder, workers=1, beats=1, concurrency=2, settings=SETTINGS) as built:
        built.prepare(schedules=0)
        built.start()
        assert wait_until(lambda: built.count("SELECT count(*) FROM pulse_beat") > 0, timeout_s=40.0), built.logs()
        assert wait_until(lambda: built.ask_for("chaos.work") != "", timeout_s=40.0, every_s=0.3), built.logs()
        assert wait_until(lambda: built.count(COMPLETED) > 0, timeout_s=40.0), built.logs()
        yield built


COMPLETED = "SELECT count(*) FROM pulse_job WHERE status = 'completed'"


def running(pulse: Machine, handler: str, seconds: float) -> str:
    """A job of that length whose handler has begun."""
    job_id = pulse.ask_for(handler, seconds=seconds)
    assert wait_until(lambda: begins(pulse, job_id) == 1, timeout_s=10.0), pulse.logs()
    return job_id


def begins(pulse: Machine, job_id: str) -> int:
    return sum(entry["job"] == job_id and entry["what"] == "begin" for entry in runs(pulse.folder).entries())


def ended(pulse: Machine, job_id: str, timeout_s: float) -> Row:
    statement = "SELECT * FROM pulse_job WHERE id = %s AND status IN ('completed', 'failed', 'cancelled')"
    wait_until(lambda: pulse.rows(statement, job_id), timeout_s=timeout_s, every_s=0.1)
    [row] = pulse.rows("SELECT * FROM pulse_job WHERE id = %s", job_id)
    return row


def be_gone(seconds: float, start: Callable[[], None]) -> None:
    time.sleep(seconds)  # the outage itself, not a wait for something
    again(start)


def test_a_database_that_is_away_for_long_takes_no_job_from_its_worker_and_loses_no_outcome(pulse: Machine) -> None:
    ends_meanwhile = running(pulse, "chaos.fragile", SHORT_OUTAGE_S)
    goes_on = running(pulse, "chaos.fragile", OUTAGE_S + 2)
    be_gone(OUTAGE_S, pulse.kill_postgres())
    for job_id in (ends_meanwhile, goes_on):
        row = ended(pulse, job_id, timeout_s=10.0)
        assert (row["status"], row["error_message"], row["attempt"]) == ("completed", "", 1)
        assert begins(pulse, job_id) == 1


def test_messages_that_come_while_the_database_is_away_are_kept(pulse: Machine) -> None:
    busy = [running(pulse, "chaos.work", 0.5) for _ in range(2)]
    waiting = [pulse.ask_for("chaos.work") for _ in range(20)]
    be_gone(SHORT_OUTAGE_S, pulse.kill_postgres())
    for job_id in busy + waiting:
        row = ended(pulse, job_id, timeout_s=10.0)
        assert (row["status"], row["attempt"]) == ("completed", 1)


def test_a_broker_that_is_away_for_long_takes_no_job_from_its_worker(pulse: Machine) -> None:
    job_id = running(pulse, "chaos.fragile", OUTAGE_S + 1)
    be_gone(OUTAGE_S, pulse.kill_valkey(loses_data=False))
    row = ended(pulse, job_id, timeout_s=10.0)
    assert (row["status"], row["error_message"], row["attempt"]) == ("completed", "", 1)


def test_pool_processes_that_die_while_the_broker_is_away_are_replaced(pulse: Machine) -> None:
    worker = pulse.pulse["worker 1"].pid
    start = pulse.kill_valkey(loses_data=False)
    for _ in range(2):
        pulse.kill_pool_process(random.Random(0))
    again(start)
    assert ended(pulse, pulse.ask_for("chaos.work"), timeout_s=15.0)["status"] == "completed"

    again(pulse.kill_valkey(loses_data=False))  # the worker, too, has to find its way back with the new ones
    row = ended(pulse, pulse.ask_for("chaos.work"), timeout_s=15.0)
    assert (row["status"], row["attempt"]) == ("completed", 1)
    assert pulse.pulse["worker 1"].pid == worker
    assert pulse.pulse["worker 1"].is_running()
