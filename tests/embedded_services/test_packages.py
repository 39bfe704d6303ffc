"""Where no built-in server runs, the sentence says what to do instead."""

import platform

import pytest

from pulse_project.embedded import packages
from pulse_project.embedded.errors import CannotStart

INSTEAD = "set DATABASE_URL and REDIS_URL to servers of your own."


def test_another_processor_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    with pytest.raises(CannotStart) as refused:
        packages.valkey_server()
    assert str(refused.value) == f"There is no built-in valkey-server for this platform (linux-riscv64): {INSTEAD}"


def test_another_system_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    with pytest.raises(CannotStart) as refused:
        packages.postgres_root()
    assert str(refused.value) == f"The built-in servers run on Linux only, this is Darwin: {INSTEAD}"


def test_a_missing_package_is_named() -> None:
    with pytest.raises(CannotStart) as refused:
        packages.folder_of("no_such_package")
    assert str(refused.value) == f"The package no_such_package is not installed: run `make run`, or {INSTEAD}"
