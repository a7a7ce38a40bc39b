"""Secrets that a development machine makes for itself, so that nothing has to be set before a first try."""

import os
from collections.abc import Callable
from pathlib import Path

from angarium.platform.auth.keys import new_api_key


def development_api_key(data_dir: Path, entropy: Callable[[int], bytes] = os.urandom) -> str:
    """The key of this `data_dir`, made by the first that asks and readable by its owner alone. Raises OSError."""
    path = data_dir / "api-key"
    data_dir.mkdir(parents=True, exist_ok=True)
    draft = data_dir / f".api-key-{entropy(8).hex()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(new_api_key("live", entropy))
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_text().strip()
