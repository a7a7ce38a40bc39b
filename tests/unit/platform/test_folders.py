"""Folders that a process writes to."""

import os
from pathlib import Path

import pytest

from angarium.contracts.errors import SettingsError
from angarium.platform.auth.development import kept_secret
from angarium.platform.folders import only_process, prepare_folder

SETTING = "ANGARIUM_DATA_DIR"


@pytest.fixture(autouse=True)
def _usual_umask() -> None:
    os.umask(0o022)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_private_folder_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    prepare_folder(folder, setting=SETTING, private=True)
    assert mode(folder) == 0o700
    kept_secret(tmp_path / "secrets" / "key", lambda: "secret")
    assert mode(tmp_path / "secrets") == 0o700


def test_databases_that_others_could_read_are_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "users.sqlite3").touch(0o644)
    (tmp_path / "users.sqlite3-wal").touch(0o664)
    (tmp_path / "notes.txt").touch(0o644)
    (tmp_path / "old.sqlite3").symlink_to("gone")
    prepare_folder(tmp_path, setting=SETTING, private=True)
    assert [mode(tmp_path / name) for name in ("users.sqlite3", "users.sqlite3-wal", "notes.txt")] == [
        0o600,
        0o600,
        0o644,
    ]


def test_a_folder_that_is_not_private_keeps_the_usual_mode(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "logs", setting="ANGARIUM_LOG_DIR")
    assert mode(tmp_path / "logs") == 0o755


def test_a_folder_is_used_by_one_process_at_a_time(tmp_path: Path) -> None:
    with (
        only_process(tmp_path, setting=SETTING),
        pytest.raises(SettingsError, match=rf"^{SETTING}: .* is in use by process {os.getpid()}$"),
        only_process(tmp_path, setting=SETTING),
    ):
        pass
    with only_process(tmp_path, setting=SETTING):
        assert mode(tmp_path / ".in-use") == 0o600


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=f"^{SETTING}: "), only_process(tmp_path / "gone", setting=SETTING):
        pass
