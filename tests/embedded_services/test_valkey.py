"""Valkey from its wheel: what it keeps, and what it says when it cannot start."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pulse_project.embedded.errors import CannotStart
from pulse_project.embedded.valkey import Valkey


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "a folder" / "valkey")
    server.start()
    yield server
    server.stop()


def test_messages_passwords_and_ports_outlive_a_restart(valkey: Valkey) -> None:
    """Workers that are still connected to it know only the old address."""
    address = valkey.url
    valkey.client().rpush("queue", "message")
    valkey.stop()
    valkey.start()
    assert valkey.url == address
    assert valkey.client().lrange("queue", 0, -1) == [b"message"]


def test_it_evicts_nothing_when_memory_is_short(valkey: Valkey) -> None:
    assert valkey.client().config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_damaged_files_are_said_and_how_to_go_on(valkey: Valkey) -> None:
    valkey.stop()
    for file in (valkey.folder / "appendonlydir").glob("*.manifest"):
        file.write_text("nonsense")
    with pytest.raises(CannotStart) as refused:
        valkey.start()
    assert str(refused.value).startswith("Valkey did not start: ")
    assert f"move {valkey.folder} away: no job is lost by that, PostgreSQL has them all." in str(refused.value)
