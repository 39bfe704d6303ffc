"""What is left when the killing is over and Pulse has had its time to recover."""

import random
import time
from collections import defaultdict
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from celery import Celery

from pulse_project.embedded.waiting import wait_until
from tests.chaos.journal import asked, runs
from tests.chaos.killing import kill_for
from tests.chaos.machine import Killed, Machine

ACTIVE = "SELECT count(*) FROM pulse_job WHERE status IN ('queued', 'running', 'paused')"
WARM_UP_S = 40.0  # until the first job has ended
PAUSED_S = 30.0  # until the API has paused all schedules
STILL_S = 1.0  # nothing more may begin
Row = dict[str, Any]


@dataclass(frozen=True)
class Length:
    """How much is done to it, and how long it has to recover."""

    jobs: int
    seconds: float
    patience_s: float
    schedules: int
    workers: int
    beats: int
    concurrency: int
    settings: dict[str, str]


@dataclass(frozen=True)
class Span:
    """One try as its handler saw it; `how` is "killed" where it wrote no end."""

    job: str
    execution: str
    attempt: int
    handler: str
    pid: int
    begin_ns: int
    end_ns: int
    how: str


@dataclass
class Aftermath:
    machine: Machine
    recovery_s: float = 0.0  # from the last kill until every job was final
    unfinished: list[Row] = field(default_factory=list)  # jobs that were not, when the patience was over
    echoes: int = 0  # lines that the handlers wrote after everything was final

    @cached_property
    def jobs(self) -> dict[str, Row]:
        return {row["id"]: row for row in self.machine.rows("SELECT * FROM pulse_job")}

    @cached_property
    def executions(self) -> dict[str, Row]:
        return {row["id"]: row for row in self.machine.rows("SELECT * FROM pulse_executions")}

    @cached_property
    def moves(self) -> list[Row]:
        return self.machine.rows("SELECT * FROM chaos_moves ORDER BY id")

    @cached_property
    def taken(self) -> list[str]:
        """Jobs that Pulse told the asker it had taken."""
        return [job for entry in asked(self.machine.folder).entries() for job in entry["jobs"]]

    @cached_property
    def spans(self) -> list[Span]:
        """By when they began. A try without an end ended when its process was killed, which we did ourselves."""
        ends: dict[tuple[str, int], Row] = {}
        begins: list[Row] = []
        for entry in runs(self.machine.folder).entries():
            if entry["what"] == "begin":
                begins.append(entry)
            else:
                ends[entry["execution"], entry["pid"]] = entry
        return [self._span(begin, ends.get((begin["execution"], begin["pid"]))) for begin in begins]

    def _span(self, begin: Row, end: Row | None) -> Span:
        known = {name: begin[name] for name in ("job", "execution", "attempt", "handler", "pid")}
        if end is not None:
            return Span(**known, begin_ns=begin["at_ns"], end_ns=end["at_ns"], how=end["how"])
        began_ns = begin["at_ns"]
        ended_ns = [max(began_ns, killed.at_ns) for killed in self._deaths(begin["pid"], began_ns)]
        return Span(**known, begin_ns=began_ns, end_ns=min(ended_ns, default=-1), how="killed")

    def _deaths(self, pid: int, since_ns: int) -> list[Killed]:
        return [killed for killed in self.machine.killed if pid in killed.pids and killed.gone_ns >= since_ns]

    def was_killed_after(self, span: Span) -> bool:
        """Whether the process of this try was killed in it or after it."""
        return bool(self._deaths(span.pid, span.end_ns))

    @cached_property
    def spans_by_job(self) -> dict[str, list[Span]]:
        found: dict[str, list[Span]] = defaultdict(list)
        for span in self.spans:
            found[span.job].append(span)
        return found

    def story(self) -> str:
        """What was killed, in order."""
        if not self.machine.killed:
            return "nothing was killed"
        first = self.machine.killed[0].at_ns
        return ", ".join(f"{(killed.at_ns - first) / 1e9:.1f} s {killed.what}" for killed in self.machine.killed)


def bring_about(machine: Machine, length: Length, seed: int) -> Aftermath:
    """Start, ask, kill, and wait until nothing moves any more."""
    machine.prepare(length.schedules)
    machine.start()
    machine.ask(str(seed), str(length.jobs), str(length.seconds))
    completed = "SELECT count(*) FROM pulse_job WHERE status = 'completed'"
    assert wait_until(lambda: machine.count(completed) > 0, timeout_s=WARM_UP_S), machine.logs()
    kill_for(machine, length.seconds, random.Random(seed))
    return recover(machine, length.patience_s)


def recover(machine: Machine, patience_s: float) -> Aftermath:
    after = Aftermath(machine)
    began = time.monotonic()
    assert wait_until(machine.has_asked, timeout_s=patience_s), machine.logs()["asker"]
    pause_schedules(machine)
    wait_until(lambda: machine.count(ACTIVE) == 0, timeout_s=patience_s, every_s=0.2)
    after.recovery_s = time.monotonic() - began
    after.unfinished = machine.rows(ACTIVE.replace("count(*)", "*"))
    machine.look_after()
    if not after.unfinished:
        after.echoes = echoes(machine)
    return after


def pause_schedules(machine: Machine) -> None:
    """Asking again where no answer came, until none is active."""
    active = "SELECT id FROM pulse_schedule WHERE state = 'active'"
    deadline = time.monotonic() + PAUSED_S
    while rows := machine.rows(active):
        assert time.monotonic() < deadline, machine.logs()["web"]
        for row in rows:
            machine.post(f"schedules/{row['id']}/pause/")


def echoes(machine: Machine) -> int:
    """Send every job's message once more. Returns how many lines the handlers wrote then."""
    before = len(runs(machine.folder).entries())
    sender = Celery("echo", set_as_current=False)
    with machine.broker() as broker:
        for row in machine.rows("SELECT id, handler_name, queue FROM pulse_job"):
            sender.send_task(row["handler_name"], task_id=row["id"], queue=row["queue"], connection=broker)
    wait_until(lambda: not machine.lists_of_broker(), timeout_s=30.0, every_s=0.1)
    time.sleep(STILL_S)
    return len(runs(machine.folder).entries()) - before
