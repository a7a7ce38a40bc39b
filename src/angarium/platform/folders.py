"""Folders that a process writes to, checked when it starts."""

from pathlib import Path
from tempfile import TemporaryFile

from angarium.contracts.errors import SettingsError


def prepare_folder(folder: Path, *, setting: str) -> None:
    """Create `folder` where it is missing, and check that files can be created in it.

    Raises SettingsError, which names `setting`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise SettingsError(f"{setting}: {folder} cannot be written ({error.strerror})") from None
