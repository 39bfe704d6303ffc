"""Two beats and a worker, killed with -9 again and again while schedules fire: each due time has at most one job.

Real processes on the database and the Valkey of this test run.
"""

import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import Count

from executions.models import Execution
from pulse.models import Job
from pulse_project.embedded.process import Child
from pulse_project.embedded.programs import beat_command, worker_command
from schedules import services
from schedules.models import Beat, Schedule
from tests.waiting import wait_for
from tests.workers import ROOT, broker_of, database_url

pytestmark = pytest.mark.django_db(transaction=True)

KILLS = 6
SCHEDULES = 20
PATIENCE_S = 60.0


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[dict[str, Child]]:
    """Started and not waited for; ended however the test ends."""
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "CELERY_BROKER_URL": broker_of(8),
        "PULSE_DATA_DIR": str(tmp_path),
        "PULSE_EVENTS_STREAM": f"test:due-times:{os.getpid()}",
        "PULSE_GATES": "pulse.gates.paused",  # a busy test machine holds nothing up
        "PULSE_WORKER_HEARTBEAT_S": "0.5",
        "PULSE_WORKER_LOST_AFTER_S": "4",
        "PULSE_REPUBLISH_AFTER_S": "3",
    }
    commands = {"worker": worker_command(2), "beat one": beat_command(), "beat two": beat_command()}
    found = {
        name: Child(
            name,
            [sys.executable, "-m", *command],
            log=tmp_path / f"{name}.log",
            environment=environment,
            folder=ROOT,
        )
        for name, command in commands.items()
    }
    try:
        for process in found.values():
            process.start()
        yield found
    finally:
        for process in found.values():
            process.end_group()


def test_kill_9_of_beats_and_worker_doubles_no_due_time_and_leaves_no_job_behind(
    processes: dict[str, Child],
) -> None:
    for number in range(SCHEDULES):
        services.create(name=f"{number}", handler_name="pulse.noop", interval_s=1 + number % 2)
    go_on(processes)

    chance = random.Random(4)
    for _ in range(KILLS):
        victims = chance.choice(
            [["worker"], ["beat one"], ["beat two"], ["beat one", "beat two"], ["worker", "beat one"]]
        )
        for name in victims:
            kill(processes[name])
        for name in victims:
            processes[name].start()
        go_on(processes)

    schedules = list(Schedule.objects.all())
    for schedule in schedules:
        services.pause(schedule.pk)
    wait_for(lambda: not Job.objects.active().exists(), PATIENCE_S)

    assert Beat.objects.count() > 2
    for schedule in schedules:
        check_due_times(schedule)
    assert Counter(Job.objects.values_list("status", flat=True)) == {"completed": Job.objects.count()}
    check_executions()


def go_on(processes: dict[str, Child]) -> None:
    """Wait until each schedule has fired again, and a job of each has ended, in whatever processes live."""
    before = ended_by_schedule()

    def has_gone_on() -> bool:
        assert all(process.is_running() for process in processes.values()), last_words(processes)
        now = ended_by_schedule()
        return len(now) == SCHEDULES and all(count > before[schedule] for schedule, count in now.items())

    wait_for(has_gone_on, PATIENCE_S)


def ended_by_schedule() -> Counter[str]:
    ended = Job.objects.filter(status="completed").order_by()
    return Counter(dict(ended.values_list("schedule_id").annotate(jobs=Count("pk"))))


def kill(process: Child) -> None:
    process.send(signal.SIGKILL)
    assert process.ended(5.0)


def last_words(processes: dict[str, Child]) -> str:
    return "\n".join(f"{name}: {process.last_words()}" for name, process in processes.items())


def check_due_times(schedule: Schedule) -> None:
    """On the grid, each once, and none left out but those that the one run after an outage stands for."""
    assert schedule.interval_s is not None
    period = timedelta(seconds=schedule.interval_s)
    due = sorted(due_at for due_at in Job.objects.filter(schedule_id=schedule.pk).values_list("due_at", flat=True))
    assert due[0] == schedule.anchor_at
    assert len(due) == len(set(due)) == Schedule.objects.get(pk=schedule.pk).run_count
    assert {(due_at - schedule.anchor_at) % period for due_at in due} == {timedelta()}


def check_executions() -> None:
    """No try ran twice, each has ended, and of each job one was completed."""
    assert not Execution.objects.filter(status="running").exists()
    assert not Execution.objects.values("job_id", "attempt").annotate(rows=Count("pk")).filter(rows__gt=1).exists()
    completed = Execution.objects.filter(status="completed")
    assert completed.count() == Job.objects.count() == completed.values("job_id").distinct().count()
