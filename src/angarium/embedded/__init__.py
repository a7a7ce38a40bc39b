"""All services in one process: the public API for running Angarium inside another program."""

import typing

if typing.TYPE_CHECKING:
    from angarium.embedded.composition import Embedded, EmbeddedSettings, open_embedded
    from angarium.embedded.process import Started, run_embedded

__all__ = ["Embedded", "EmbeddedSettings", "Started", "open_embedded", "run_embedded"]


def __getattr__(name: str) -> typing.Any:
    """Import at first use: a worker process of `angarium up --workers` imports no service (15 MB)."""
    if name not in __all__:
        raise AttributeError(name)
    from angarium.embedded import process  # noqa: PLC0415 - see above

    return getattr(process, name)
