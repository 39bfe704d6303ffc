"""A Valkey server of our own, the broker and event stream: run as a child of this process."""

import signal
from dataclasses import dataclass, field
from pathlib import Path

import redis

from pulse_project.embedded import packages, ports
from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.process import Child
from pulse_project.embedded.secret import make_password, read_password, write_private
from pulse_project.embedded.waiting import wait_until

START_TIMEOUT_S = 60.0  # reading a long append-only file
EXPENDABLE = "If its files are damaged, move {} away: no job is lost by that, PostgreSQL has them all."


@dataclass
class Valkey:
    """`folder` keeps everything of it. Raises CannotStart with one sentence when it cannot run."""

    folder: Path
    port: int = field(default_factory=ports.free_port)
    keeps_data: bool = True  # append-only file, written to disk each second
    child: Child = field(init=False)

    def __post_init__(self) -> None:
        self.child = Child(
            "Valkey",
            [packages.valkey_server(), self.configuration],
            log=self.folder / "valkey.log",
            orphan_signal=signal.SIGTERM,
            stop_signals=((signal.SIGTERM, 1.0),),
            folder=self.folder,
        )

    @property
    def configuration(self) -> Path:
        return self.folder / "valkey.conf"

    @property
    def password_file(self) -> Path:
        return self.folder / "password"

    @property
    def url(self) -> str:
        return f"redis://:{read_password(self.password_file)}@{ports.LOOPBACK}:{self.port}/0"

    def start(self) -> None:
        """Write the configuration, start, and return when it answers. A restart keeps port and password."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not self.password_file.exists():
            make_password(self.password_file)
        write_private(self.configuration, self.directives())
        self.child.start()
        try:
            if not wait_until(self.answers, timeout_s=START_TIMEOUT_S):
                raise CannotStart(f"Valkey did not answer within {START_TIMEOUT_S:.0f} s: see {self.child.log}.")
        except BaseException:
            self.child.stop()
            raise

    def stop(self) -> None:
        self.child.stop()

    def directives(self) -> str:
        """The password stands in the file, never on the command line."""
        persistence = "appendonly yes\nappendfsync everysec\n" if self.keeps_data else "appendonly no\n"
        password = read_password(self.password_file)
        return (
            f"bind {ports.LOOPBACK}\nport {self.port}\ndaemonize no\nrequirepass {password}\n"
            f'dir "{self.folder}"\nsave ""\nmaxmemory-policy noeviction\n{persistence}'
        )

    def answers(self) -> bool:
        """False while it loads its data. Raises CannotStart when it ended."""
        if not self.child.is_running():
            why = self.child.last_words().rstrip(".")
            raise CannotStart(f"Valkey did not start: {why}. {EXPENDABLE.format(self.folder)} Log: {self.child.log}")
        try:
            return bool(self.client().ping())
        except redis.RedisError:
            return False

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=2, socket_connect_timeout=2)

    def version(self) -> str:
        """Such as 9.1.2."""
        return str(self.client().info("server")["valkey_version"])
