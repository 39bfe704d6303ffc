"""`examples.index_folder`: size, lines and checksum of every file in a folder of an installed app."""

import hashlib
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

from django.apps import apps
from pydantic import BaseModel, ConfigDict, Field, model_validator

from examples.models import IndexedFile
from pulse import clock
from pulse.registry import handler
from pulse.run import Run

CHUNK_BYTES: Final = 1024 * 1024


class IndexFolder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    app: str = Field(default="admin", description="The label of an installed app.")
    folder: str = Field(default="templates", description="A folder inside it.")
    pause_s: float = Field(default=0.1, ge=0, le=10, description="Seconds between two files, so that one can watch.")

    @model_validator(mode="after")
    def check_folder(self) -> Self:
        if not apps.is_installed(self.app) and self.app not in apps.app_configs:
            raise ValueError(f"no app '{self.app}' is installed")
        root = Path(apps.get_app_config(self.app).path).resolve()
        if not self.root.is_relative_to(root) or not self.root.is_dir():
            raise ValueError(f"app '{self.app}' has no folder '{self.folder}'")
        return self

    @property
    def root(self) -> Path:
        return (Path(apps.get_app_config(self.app).path) / self.folder).resolve()

    @property
    def name(self) -> str:
        return f"{self.app}/{self.folder}"


@dataclass(frozen=True, slots=True)
class Figures:
    size_bytes: int
    lines: int
    sha256: str


@handler(
    "examples.index_folder",
    payload=IndexFolder,
    on_orphan="retry",
    cost_estimate_usd=0,
    description="Indexes the files of a folder: size, lines and SHA-256 of each, and what changed since last time.",
)
def index_folder(run: Run[IndexFolder]) -> str:
    wanted = run.payload
    run.stage("finding", f"Looking for files in {wanted.name}")
    paths = sorted(path for path in wanted.root.rglob("*") if path.is_file())
    known = dict(IndexedFile.objects.filter(folder=wanted.name).values_list("path", "sha256"))
    run.log.info("%d files, %d known", len(paths), len(known))

    run.stage("indexing", "Reading each of them")
    run.progress(0, total=len(paths))
    size_bytes = changed = 0
    for path in paths:
        name = path.relative_to(wanted.root).as_posix()
        with run.task(name):
            figures = measure(path)
            remember(wanted.name, name, figures)
            run.log.info("%d bytes, %d lines, %s", figures.size_bytes, figures.lines, figures.sha256[:12])
        size_bytes += figures.size_bytes
        changed += known.pop(name, None) != figures.sha256
        run.progress(advance=1)
        time.sleep(wanted.pause_s)

    run.stage("tidying", f"Forgetting {len(known)} files that are gone")
    IndexedFile.objects.filter(folder=wanted.name, path__in=known).delete()
    return f"{len(paths)} files indexed, {size_bytes:,} bytes; {changed} new or changed, {len(known)} gone"


def measure(path: Path) -> Figures:
    """Read the file once, in pieces. Raises OSError."""
    digest, size_bytes, lines = hashlib.sha256(), 0, 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            size_bytes += len(chunk)
            lines += chunk.count(b"\n")
    return Figures(size_bytes, lines, digest.hexdigest())


def remember(folder: str, path: str, figures: Figures) -> None:
    IndexedFile.objects.update_or_create(
        folder=folder, path=path, defaults={**asdict(figures), "indexed_at": clock.now()}
    )
