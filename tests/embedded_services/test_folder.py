"""The data folder's checks, its lock, and the note that says where the servers are."""

import os
from pathlib import Path

import pytest

from pulse_project.embedded import folder
from pulse_project.embedded.errors import CannotStart


def test_a_fit_folder_is_made_and_left_empty(tmp_path: Path) -> None:
    folder.check(tmp_path / "a" / "b", free_mb=1)
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_folder_with_too_little_room_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotStart, match=r"has \d+ MB free, Pulse needs 1000000000: make room, or choose another"):
        folder.check(tmp_path, free_mb=1_000_000_000)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_root_does_not_take_over_the_folder_of_a_user(tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    os.chown(tmp_path / "postgres", 12345, 12345)
    with pytest.raises(
        CannotStart, match="belongs to user id 12345: start Pulse as that user, or choose another folder"
    ):
        folder.check(tmp_path, free_mb=1)


def test_the_lock_is_free_again_when_its_holder_is_done(tmp_path: Path) -> None:
    held = rf"already runs on the data folder {tmp_path} \(process {os.getpid()}\)"
    with folder.only_us(tmp_path), pytest.raises(CannotStart, match=held), folder.only_us(tmp_path):
        pass
    with folder.only_us(tmp_path):
        assert (tmp_path / "up.lock").read_text() == str(os.getpid())


def test_the_note_is_private_and_goes_with_the_servers(tmp_path: Path) -> None:
    note = tmp_path / "services.env"
    with folder.announced(note, {"DATABASE_URL": "postgresql://a:b@c/d", "REDIS_URL": "redis://e"}):
        assert note.read_text() == "DATABASE_URL=postgresql://a:b@c/d\nREDIS_URL=redis://e\n"
        assert note.stat().st_mode & 0o777 == 0o600
    assert not note.exists()
