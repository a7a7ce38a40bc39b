"""Checks that folders are writable, private and used by one process only."""

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from angarium.contracts.errors import SettingsError

FOR_OWNER = 0o700
"""The mode of a new folder."""
_OTHERS = 0o077
_OWN_FILES = ("*.sqlite3", "*.sqlite3-shm", "*.sqlite3-wal")
_LOCK = ".in-use"


def prepare_folder(folder: Path, *, setting: str, private: bool = False) -> None:
    """Create `folder` if it is missing, and check that files can be created in it.

    A `private` folder is created with access for its owner only, and existing databases in it lose the access of
    others. The mode of an existing folder is not changed. Raises SettingsError, which names `setting`.
    """
    try:
        if private:
            make_private(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(f"{setting}: {folder} cannot be written ({error.strerror})") from None


def make_private(folder: Path) -> None:
    """Create `folder` with access for its owner only, or remove others' access to the databases in it.

    Raises OSError.
    """
    folder.mkdir(FOR_OWNER, parents=True, exist_ok=True)
    for path in (found for pattern in _OWN_FILES for found in folder.glob(pattern)):
        with suppress(FileNotFoundError, PermissionError):  # SQLite removes its log files; a file may be another user's
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & _OTHERS:
                path.chmod(mode & ~_OTHERS)


@contextmanager
def only_process(folder: Path, *, setting: str) -> Iterator[None]:
    """Hold an exclusive lock on `folder`. It is released when the process ends, however that happens.

    Raises SettingsError, which names the process that holds the lock.
    """
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise SettingsError(f"{setting}: {folder} cannot be written ({error.strerror})") from None
    try:
        _lock(descriptor, folder, setting)
        yield
    finally:
        os.close(descriptor)


def _lock(descriptor: int, folder: Path, setting: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        process = os.pread(descriptor, 20, 0).decode("ascii", "replace") or "?"
        raise SettingsError(f"{setting}: {folder} is in use by process {process}") from None
    except OSError:
        return  # a file system without locks
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
