"""How busy this machine is, as one number between 0 and 100.

Pressure = (5 x CPU % + memory %) / 6 (source: spec-origin 2.3). Inside a container the limits of its cgroup count,
not those of the machine. Where a kernel offers pressure stall information, time lost waiting for memory counts too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

CGROUP_V2: Final = Path("/sys/fs/cgroup")
CGROUP_V1_MEMORY: Final = Path("/sys/fs/cgroup/memory")
PRESSURE: Final = Path("/proc/pressure/memory")
NO_LIMIT: Final = 1 << 60  # bytes; v1 says "no limit" with a huge number


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    cpu_pct: float | None  # None: this machine does not say
    memory_pct: float | None
    stalled_pct: float | None  # share of the last 10 s in which all work waited for memory

    @property
    def pressure(self) -> float | None:
        """0 to 100, or None where nothing is known."""
        known = [value for value in (self.cpu_pct, self.memory_pct, self.stalled_pct) if value is not None]
        if not known:
            return None
        mixed = (5 * (self.cpu_pct or 0) + (self.memory_pct or 0)) / 6
        return min(100.0, max(mixed, self.stalled_pct or 0))


def sample() -> Load:
    """The load now; CPU is the mean since the last call in this process."""
    return Load(cpu_pct=_cpu_pct(), memory_pct=_memory_pct(), stalled_pct=_stalled_pct())


def _cpu_pct() -> float | None:
    try:
        return float(psutil.cpu_percent(interval=None))
    except OSError:
        return None


def _memory_pct() -> float | None:
    limited = _cgroup_memory_pct()
    if limited is not None:
        return limited
    try:
        return float(psutil.virtual_memory().percent)
    except OSError:
        return None


def _cgroup_memory_pct() -> float | None:
    for limit_file, used_file in (
        (CGROUP_V2 / "memory.max", CGROUP_V2 / "memory.current"),
        (CGROUP_V1_MEMORY / "memory.limit_in_bytes", CGROUP_V1_MEMORY / "memory.usage_in_bytes"),
    ):
        try:
            limit, used = int(limit_file.read_text()), int(used_file.read_text())
        except (OSError, ValueError):  # no such controller, or "max"
            continue
        if 0 < limit < NO_LIMIT:
            return 100 * used / limit
    return None


def _stalled_pct() -> float | None:
    """`full avg10` of the kernel's pressure stall information."""
    try:
        full = next(line for line in PRESSURE.read_text().splitlines() if line.startswith("full"))
    except (OSError, StopIteration):
        return None
    return float(dict(part.split("=") for part in full.split()[1:])["avg10"])
