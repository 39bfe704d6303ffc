"""All of Pulse on one machine: servers, tables, web, worker and beat, started, watched and stopped as one."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from django.db import DatabaseError, connection

from pulse import clock
from pulse_project.embedded import answers, first_start, folder, given, ports, programs
from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.postgres import Postgres
from pulse_project.embedded.process import Child
from pulse_project.embedded.supervisor import Supervisor, how_it_ended
from pulse_project.embedded.terminal import Terminal
from pulse_project.embedded.valkey import Valkey
from pulse_project.embedded.waiting import LOOK_EVERY_S

ANSWER_TIMEOUT_S = 90.0
STOPPED_BY = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """Somebody wants Pulse to stop: raised in the main thread wherever it is."""


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """The first signal raises StopRequested; those that follow find us stopping already."""

    def stop(number: int, frame: FrameType | None) -> None:
        for each in STOPPED_BY:
            signal.signal(each, signal.SIG_IGN)
        raise StopRequested

    for each in STOPPED_BY:
        signal.signal(each, stop)
    yield


@dataclass
class Stack:
    project: Path
    data: Path
    announcement: Path  # the file that tells other processes where our own servers are
    given: Mapping[str, str]  # servers from the environment, by variable
    port: int
    concurrency: int
    with_examples: bool
    terminal: Terminal
    urls: dict[str, str] = field(default_factory=dict)  # of our own servers, by variable

    def __post_init__(self) -> None:
        self.supervisor = Supervisor(self.terminal)

    def run(self) -> None:
        """Until a signal raises StopRequested. Raises CannotStart; either way everything has stopped then."""
        folder.check(self.data)
        try:
            self.run_in_folder()
        except (OSError, DatabaseError) as fault:
            raise CannotStart(
                f"Pulse cannot go on: {str(fault).strip().splitlines()[0]}. Logs: {self.data}"
            ) from None

    def run_in_folder(self) -> None:
        with stopped_by_signals(), folder.only_us(self.data), ExitStack() as at_end:
            self.check_port()
            given.check(self.given)
            at_end.callback(self.supervisor.stop)
            self.start_servers()
            at_end.enter_context(folder.announced(self.announcement, self.urls))
            self.start_pulse()
            self.supervisor.watch()

    def check_port(self) -> None:
        if obstacle := ports.obstacle(self.port):
            raise CannotStart(
                f"Port {self.port} cannot be used ({obstacle}): choose another with --port or PULSE_PORT."
            )

    def start_servers(self) -> None:
        """Those that the environment does not name; without REDIS_URL one Valkey is broker and event stream."""
        if "DATABASE_URL" not in self.given:
            self.start_server(Postgres(self.data / "postgres"), "DATABASE_URL")
            first_start.use_database(self.urls["DATABASE_URL"])
        if "REDIS_URL" not in self.given:
            self.start_server(Valkey(self.data / "valkey"), "REDIS_URL")
        if "CELERY_BROKER_URL" not in self.given:
            self.urls["CELERY_BROKER_URL"] = self.given.get("REDIS_URL") or self.urls["REDIS_URL"]

    def start_server(self, server: Postgres | Valkey, variable: str) -> None:
        with self.terminal.step(server.child.name) as step:
            self.supervisor.start(server.child, server.start)
            step.title = f"{server.child.name} {server.version()}"
            step.note = (
                "" if server.child.log.is_relative_to(self.data) else f"its data is in {server.child.log.parent}"
            )
        self.urls[variable] = server.url

    def start_pulse(self) -> None:
        with self.terminal.step("Tables") as step:
            applied = first_start.migrate()
            step.note = f"{applied} migrations applied" if applied else "up to date"
        first = first_start.is_first()
        started = time.monotonic()
        waiting = self.start_programs()
        if first and self.with_examples:
            self.load_examples()
        self.wait_for(waiting, started)
        self.say_where(first_start.make_admin() if first else None)
        connection.close()

    def start_programs(self) -> dict[Child, Callable[[], bool]]:
        """Web, worker and beat side by side, each with the question whether it answers."""
        web, worker, beat = programs.children(
            port=self.port,
            concurrency=self.concurrency,
            environment=self.environment(),
            project=self.project,
            logs=self.data / "logs",
        )
        since = clock.now()
        for child in (web, worker, beat):
            self.supervisor.start(child)
        return {
            web: lambda: answers.web(self.port),
            worker: lambda: answers.worker(worker.pid, since),
            beat: lambda: answers.beat(beat.pid, since),
        }

    def environment(self) -> dict[str, str]:
        return {"PULSE_DATA_DIR": str(self.data), **self.urls}

    def wait_for(self, waiting: dict[Child, Callable[[], bool]], started: float) -> None:
        """`started` by time.monotonic(), for the seconds that are said."""
        while waiting:
            for child, has_answered in list(waiting.items()):
                if not child.is_running():
                    how = how_it_ended(child.exit_code())
                    raise CannotStart(f"The {child.name} process {how}: {child.last_words()} Log: {child.log}")
                if has_answered():
                    self.terminal.done(child.name.capitalize(), time.monotonic() - started)
                    del waiting[child]
            if time.monotonic() - started > ANSWER_TIMEOUT_S:
                silent = " and ".join(child.name for child in waiting)
                raise CannotStart(
                    f"No answer from {silent} within {ANSWER_TIMEOUT_S:.0f} s: see {self.data / 'logs'}."
                )
            time.sleep(LOOK_EVERY_S)

    def load_examples(self) -> None:
        """In a process of its own: this one's settings do not know the servers. A failure is no reason to stop."""
        with self.terminal.step("Example schedules") as step:
            command = [sys.executable, "manage.py", "load_examples"]
            environment = {**os.environ, **self.environment()}
            loaded = subprocess.run(command, cwd=self.project, env=environment, capture_output=True, text=True)
            if loaded.returncode:
                step.note = f"not loaded, `manage.py load_examples` says: {(loaded.stderr.splitlines() or ['?'])[-1]}"

    def say_where(self, password: str | None) -> None:
        login = f"{first_start.ADMIN} / {password}  (shown only this once)" if password else "as before"
        self.terminal.say(
            f"\nPulse runs at  http://{ports.LOOPBACK}:{self.port}/\n"
            f"Log in         {login}\n"
            f"Data           {self.data}  (logs in {self.data / 'logs'})\n"
            "Ctrl+C stops it.\n"
        )
