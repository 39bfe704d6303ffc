"""A PostgreSQL server of our own: made on the first start, run as a child of this process."""

import re
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from pulse_project.embedded import accounts, leftovers, packages, ports
from pulse_project.embedded.accounts import Account
from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.process import Child
from pulse_project.embedded.secret import make_password, read_password, write_private
from pulse_project.embedded.waiting import wait_until

MAJOR_VERSION = "18"
NAME = "pulse"  # of the database and of the role that owns it
SUPERUSER = "postgres"
START_TIMEOUT_S = 60.0  # recovery after a crash may replay much
LOCALE = ["--encoding=UTF8", "--locale-provider=builtin", "--locale=C.UTF-8"]  # the same on every machine
INITDB_OPTIONS = ["--auth=scram-sha-256", *LOCALE, "--no-instructions"]
FOR_TESTS = dict.fromkeys(["fsync", "synchronous_commit", "full_page_writes"], "off")  # a crash may lose all
STOP_SIGNALS = ((signal.SIGINT, 3.5), (signal.SIGQUIT, 0.5))  # with a checkpoint; without, to recover later


@dataclass
class Postgres:
    """`folder` keeps everything of it. Raises CannotStart with one sentence when it cannot run."""

    folder: Path
    port: int = field(default_factory=ports.free_port)
    settings: Mapping[str, str] = field(default_factory=dict)
    account: Account = field(default_factory=accounts.account_for_postgres)
    child: Child = field(init=False)

    def __post_init__(self) -> None:
        self.home = accounts.home_for(self.account, self.folder)
        self.programs = accounts.programs_for(self.account, packages.postgres_root(), self.home) / "bin"
        self.data = self.home / "data"
        self.child = Child(
            "PostgreSQL",
            self.command(),
            log=self.home / "postgres.log",
            orphan_signal=signal.SIGINT,
            stop_signals=STOP_SIGNALS,
            enter=self.account.enter,
            account=self.account.popen,
        )

    def command(self) -> list[str | Path]:
        """TCP on loopback only: a Unix socket's path may be too long, and a stale one in the way."""
        settings = {
            "listen_addresses": ports.LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            **self.settings,
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [self.programs / "postgres", "-D", self.data, *options]

    @property
    def password_file(self) -> Path:
        return self.home / "password"

    @property
    def url(self) -> str:
        password = read_password(self.password_file)
        return f"postgresql://{NAME}:{password}@{ports.LOOPBACK}:{self.port}/{NAME}"

    def start(self) -> None:
        """Make the data folder if there is none, start, and return when the database `pulse` answers."""
        if self.data.exists():
            self.check_data()
        else:
            self.make_data()
        self.account.own(self.data)
        leftovers.clear(self.data)
        self.child.start()
        try:
            self.wait_until_ready()
        except BaseException:
            self.child.stop()
            raise

    def stop(self) -> None:
        self.child.stop()

    def check_data(self) -> None:
        try:
            version = (self.data / "PG_VERSION").read_text().strip()
        except OSError as fault:
            raise CannotStart(
                f"The data folder {self.data} is damaged: PG_VERSION cannot be read. {RESTORE}"
            ) from fault
        if version != MAJOR_VERSION:
            raise CannotStart(
                f"The data folder {self.data} was written by PostgreSQL {version or '?'}, this Pulse brings "
                f"{MAJOR_VERSION}: dump it with the Pulse that wrote it (docs/running.md) or move it away."
            )

    def make_data(self) -> None:
        """initdb into a draft that becomes the data folder when it is complete."""
        self.account.own(self.home)
        draft = self.home / "data.new"
        shutil.rmtree(draft, ignore_errors=True)
        password = make_password(self.password_file)
        its_copy = self.home / "initdb.password"
        write_private(its_copy, password)
        self.account.own(its_copy)
        made = self.initdb("-D", draft, "-U", SUPERUSER, "--pwfile", its_copy, *INITDB_OPTIONS)
        its_copy.unlink()
        if made.returncode:
            raise CannotStart(f"PostgreSQL could not make its data folder {self.data}: {reason(made.stderr)}.")
        draft.rename(self.data)

    def initdb(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.programs / "initdb", *words],
            cwd="/",
            capture_output=True,
            text=True,
            preexec_fn=self.account.enter,
            **self.account.popen,
        )

    def wait_until_ready(self) -> None:
        if not wait_until(self.answers, timeout_s=START_TIMEOUT_S):
            raise CannotStart(f"PostgreSQL did not answer within {START_TIMEOUT_S:.0f} s: see {self.child.log}.")
        self.make_database()

    def answers(self) -> bool:
        """Raises CannotStart when it ended, or does not know our password."""
        if not self.child.is_running():
            raise CannotStart(
                f"PostgreSQL did not start: {reason(self.child.said())}. {RESTORE} Log: {self.child.log}"
            )
        try:
            self.connect().close()
        except psycopg.OperationalError as fault:
            if "password authentication failed" in str(fault):
                raise CannotStart(
                    f"PostgreSQL does not accept the password in {self.password_file}. {RESTORE}"
                ) from None
            return False
        return True

    def connect(self) -> psycopg.Connection:
        password = read_password(self.password_file)
        return psycopg.connect(
            host=ports.LOOPBACK,
            port=self.port,
            user=SUPERUSER,
            dbname="postgres",
            password=password,
            autocommit=True,
            connect_timeout=5,
        )

    def make_database(self) -> None:
        """The role and the database of the application, each unless it is there: the role is no superuser."""
        with self.connect() as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
                password = sql.Literal(read_password(self.password_file))
                role = sql.SQL("CREATE ROLE {} LOGIN CREATEDB PASSWORD {}").format(sql.Identifier(NAME), password)
                connection.execute(role)
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("CREATE DATABASE {0} OWNER {0}").format(sql.Identifier(NAME)))

    def version(self) -> str:
        """Such as 18.6."""
        with self.connect() as connection:
            row = connection.execute("SHOW server_version").fetchone()
        return str(row[0]).split()[0] if row else ""


RESTORE = "Restore the folder from a backup, or move it away to start with an empty one."


def reason(output: str) -> str:
    """Why PostgreSQL gave up: its last grave line, else all that it said."""
    grave = re.findall(r"(?:FATAL|PANIC|error): +(.*)", output)
    return str(grave[-1] if grave else " ".join(output.split()) or "no reason given").rstrip(".")
