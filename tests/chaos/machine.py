"""All of Pulse as real processes on servers of its own, any of which can be killed with -9 and started again."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg
import requests
from kombu import Connection
from psycopg.rows import dict_row

from pulse_project.embedded.ports import LOOPBACK, free_port
from pulse_project.embedded.postgres import Postgres
from pulse_project.embedded.process import Child
from pulse_project.embedded.programs import beat_command, web_command, worker_command
from pulse_project.embedded.valkey import Valkey
from pulse_project.embedded.waiting import wait_until

ROOT = Path(__file__).parents[2]
NO_SYNC = {
    "fsync": "off"
}  # no file system is killed here; the rest is as in production, or a kill could lose commits
GONE_S = 10.0


@dataclass(frozen=True)
class Killed:
    what: str
    at_ns: int  # on the machine's monotonic clock, right before the signal
    pids: tuple[int, ...] = ()
    gone_ns: int = 0  # when none of these processes ran any more


@dataclass
class Machine:
    folder: Path
    workers: int
    beats: int
    concurrency: int
    settings: dict[str, str]
    killed: list[Killed] = field(default_factory=list)
    ended_alone: list[str] = field(default_factory=list)  # processes that nobody killed

    def __post_init__(self) -> None:
        self.postgres = Postgres(self.folder / "postgres", settings=NO_SYNC)
        self.valkey = Valkey(self.folder / "valkey")
        self.port = free_port()
        self.pulse: dict[str, Child] = {}
        self.asker: Child | None = None

    @property
    def web(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def prepare(self, schedules: int) -> None:
        """Servers and tables."""
        self.postgres.start()
        self.valkey.start()
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CELERY_BROKER")},
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "PULSE_DATA_DIR": str(self.folder),
            "PULSE_EXTRA_APPS": "tests.chaos",
            "PULSE_GATES": "pulse.gates.paused,pulse.gates.concurrency",  # a busy test machine holds nothing up
            "DJANGO_SETTINGS_MODULE": "pulse_project.settings",
            "CHAOS_WEB": self.web,
            **self.settings,
        }
        command = [sys.executable, "-m", "tests.chaos.prepare", str(schedules)]
        made = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        self.environment["CHAOS_TOKEN"] = made.stdout.split()[-1]

    def start(self) -> None:
        """Web, workers and beats; not waited for."""
        commands = {"web": web_command(self.port)}
        for number in range(self.workers):
            name = f"worker {number + 1}"
            node = ["--hostname", f"{name.replace(' ', '-')}@here"]
            commands[name] = worker_command(self.concurrency) + node
        for number in range(self.beats):
            commands[f"beat {number + 1}"] = beat_command()
        self.pulse = {name: self.child(name, command) for name, command in commands.items()}
        for child in self.pulse.values():
            child.start()

    def ask(self, *words: str) -> None:
        self.asker = self.pulse["asker"] = self.child("asker", ["tests.chaos.asker", *words])
        self.asker.start()

    def child(self, name: str, command: list[str]) -> Child:
        log = self.folder / "logs" / f"{name.replace(' ', '-')}.log"
        return Child(name, [sys.executable, "-m", *command], log=log, environment=self.environment, folder=ROOT)

    def stop(self) -> None:
        for child in self.pulse.values():
            child.end_group()
        self.valkey.stop()
        self.postgres.stop()

    # --- killing ---

    def kill(self, name: str) -> Callable[[], None]:
        """Kill one of Pulse's processes. Returns how to start it again."""
        child = self.pulse[name]
        if child is self.asker and child.exit_code() == 0:
            return lambda: None  # all was asked for
        self.kill_process(child, name)
        return child.start

    def kill_process(self, child: Child, what: str) -> None:
        """With its children, which do not outlive it."""
        family = [child.pid]
        with suppress(psutil.NoSuchProcess):
            family += [process.pid for process in psutil.Process(child.pid).children(recursive=True)]
        self.remember(what, family, lambda: child.send(signal.SIGKILL))
        assert child.ended(GONE_S), what

    def kill_one(self, parent: int, what: str, chance: random.Random) -> None:
        """Kill one child of a process that goes on."""
        with suppress(psutil.NoSuchProcess, IndexError):
            pids = sorted(process.pid for process in psutil.Process(parent).children() if is_alive(process.pid))
            self.kill_pid(chance.choice(pids), what)

    def kill_pid(self, pid: int, what: str) -> None:
        self.remember(what, [pid], psutil.Process(pid).kill)

    def remember(self, what: str, pids: list[int], kill: Callable[[], None]) -> None:
        at_ns = time.monotonic_ns()
        kill()
        assert wait_until(lambda: not any(is_alive(pid) for pid in pids), timeout_s=GONE_S, every_s=0.002), what
        self.killed.append(Killed(what, at_ns, tuple(pids), time.monotonic_ns()))

    def kill_pool_process(self, chance: random.Random) -> Callable[[], None]:
        """Of a worker that is ready: Celery ends one whose processes do not even start."""
        ready = [name for name in self.pulse if name.startswith("worker") and self.is_ready(name)]
        if ready:
            name = chance.choice(ready)
            self.kill_one(self.pulse[name].pid, f"a pool process of {name}", chance)
        return lambda: None

    def is_ready(self, worker: str) -> bool:
        child = self.pulse[worker]
        return child.is_running() and b" ready." in child.log.read_bytes()[child.said_before :]

    def kill_backend(self, chance: random.Random) -> Callable[[], None]:
        """One of PostgreSQL's processes: it then ends all others and recovers by itself."""
        self.kill_one(self.postgres.child.pid, "a process of PostgreSQL", chance)
        return lambda: None

    def kill_postgres(self) -> Callable[[], None]:
        self.killed.append(Killed("PostgreSQL", time.monotonic_ns()))
        self.postgres.child.send(signal.SIGKILL)
        assert self.postgres.child.ended(GONE_S)
        return self.postgres.start

    def kill_valkey(self, *, loses_data: bool) -> Callable[[], None]:
        self.killed.append(Killed("Valkey and its data" if loses_data else "Valkey", time.monotonic_ns()))
        self.valkey.child.send(signal.SIGKILL)
        assert self.valkey.child.ended(GONE_S)
        if loses_data:
            shutil.rmtree(self.valkey.folder / "appendonlydir", ignore_errors=True)
        return self.valkey.start

    def look_after(self) -> None:
        """Start again what ended by itself, and remember it: nothing should."""
        for name, child in self.pulse.items():
            if not child.is_running() and not (child is self.asker and child.exit_code() == 0):
                self.ended_alone.append(f"{name}, exit code {child.exit_code()}: {child.said()[-2000:]}")
                child.end_group()
                child.start()

    # --- looking ---

    def has_asked(self) -> bool:
        return self.asker is not None and self.asker.exit_code() == 0

    def rows(self, statement: str, *given: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.postgres.url, row_factory=dict_row) as connection:
            return connection.execute(statement, given).fetchall()

    def count(self, statement: str, *given: Any) -> int:
        """Of a statement that gives one number; -1 while the database is away."""
        try:
            return int(next(iter(self.rows(statement, *given)[0].values())))
        except psycopg.OperationalError:
            return -1

    def post(self, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the API answered; empty when it could not, or refused."""
        headers = {"Authorization": f"Token {self.environment['CHAOS_TOKEN']}"}
        try:
            answer = requests.post(f"{self.web}/api/pulse/{path}", json=body or {}, headers=headers, timeout=10)
        except requests.RequestException:
            return {}
        found: dict[str, Any] = answer.json() if answer.ok else {}
        return found

    def ask_for(self, handler_name: str, **payload: Any) -> str:
        """The id of a new job; empty when the web does not answer."""
        return str(self.post("jobs/", {"handler_name": handler_name, "payload": payload}).get("id", ""))

    def broker(self) -> Connection:
        return Connection(self.valkey.url)

    def lists_of_broker(self) -> dict[str, int]:
        """Messages by queue (and priority)."""
        found: dict[str, int] = defaultdict(int)
        client = self.valkey.client()
        for key in client.scan_iter(_type="list"):
            found[key.decode()] = client.llen(key)
        return dict(found)

    def logs(self) -> dict[str, str]:
        return {path.stem: path.read_text(errors="replace") for path in sorted((self.folder / "logs").iterdir())}


def is_alive(pid: int) -> bool:
    """A zombie runs no more."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@contextmanager
def machine(folder: Path, **options: Any) -> Iterator[Machine]:
    built = Machine(folder, **options)
    try:
        yield built
    finally:
        built.stop()
