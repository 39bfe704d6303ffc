"""What keeps `manage.py up` from starting is said in one sentence with exit code 1, never as a traceback."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pulse_project.embedded.postgres import FOR_TESTS, Postgres
from tests.live import Up


def refusal(data: Path, *words: str, **variables: str) -> str:
    """What a start on `data` says before it ends with exit code 1."""
    with Up(data, *words, **variables) as up:
        assert up.exit_code() == 1
    assert "Traceback" not in up.output
    assert up.processes() == []
    assert up.output.count("✗") == 1
    return up.output[up.output.index("✗") :]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """/sys is one even for root."""
    with Up(tmp_path / "log", PULSE_DATA_DIR="/sys/pulse-data") as up:
        assert up.exit_code() == 1
    refused = "Operation not permitted|Permission denied|Read-only file system"
    advice = r"mend that, or choose another folder with PULSE_DATA_DIR\."
    assert re.fullmatch(rf"✗ The data folder /sys/pulse-data cannot be used \(({refused})\): {advice}\n", up.output)


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    assert refusal(tmp_path / "data") == (
        f"✗ The data folder {tmp_path / 'data'} cannot be used (File exists): "
        "mend that, or choose another folder with PULSE_DATA_DIR.\n"
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk to fill")
def test_a_full_disk(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "none", data], check=True)
    try:
        assert refusal(data).startswith(f"✗ The data folder {data} has 20 MB free, Pulse needs 200: make room, or ")
    finally:
        subprocess.run(["umount", data], check=True)


def test_data_of_another_postgresql(tmp_path: Path) -> None:
    data = tmp_path / "data" / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("15\n")
    assert refusal(tmp_path / "data") == (
        f"✗ The data folder {data} was written by PostgreSQL 15, this Pulse brings 18: "
        "dump it with the Pulse that wrote it (docs/running.md) or move it away.\n"
    )


def test_damaged_data(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "data" / "postgres", settings=FOR_TESTS)
    server.start()
    server.stop()
    shutil.rmtree(tmp_path / "data" / "postgres" / "data" / "global")
    said = refusal(tmp_path / "data")
    assert said.startswith("✗ PostgreSQL did not start: ")
    assert (
        f'could not open file "{tmp_path}/data/postgres/data/global/pg_control": No such file or directory.' in said
    )
    assert "Restore the folder from a backup, or move it away to start with an empty one." in said
    assert f"Log: {tmp_path}/data/postgres/postgres.log\n" in said


@pytest.mark.parametrize(
    ("variable", "url", "said"),
    [
        (
            "DATABASE_URL",
            "postgresql://pulse:s3cret@127.0.0.1:1/pulse",
            "no connection to 127.0.0.1:1 (Connection refused)",
        ),
        ("DATABASE_URL", "postgresql://pulse:s3cret@127.0.0.1:x/pulse", ""),
        ("DATABASE_URL", "mysql://pulse:s3cret@127.0.0.1/pulse", ""),
        ("REDIS_URL", "redis://:s3cret@127.0.0.1:1/0", "no connection to 127.0.0.1:1 (Error 111"),
        ("REDIS_URL", "rabbit:s3cret@127.0.0.1", ""),
        ("CELERY_BROKER_URL", "amqp://pulse:s3cret@127.0.0.1:1//", "no connection to 127.0.0.1:1 ("),
        ("CELERY_BROKER_URL", "nothing://pulse:s3cret@127.0.0.1:1//", "no connection to 127.0.0.1:1 ("),
    ],
)
def test_a_wrong_url_is_named_without_its_password(tmp_path: Path, variable: str, url: str, said: str) -> None:
    output = refusal(tmp_path / "data", **{variable: url})
    assert output.startswith(f"✗ {variable}")
    assert said in output
    assert "s3cret" not in output
