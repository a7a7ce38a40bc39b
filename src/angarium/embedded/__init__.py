"""All services in one process: the public API for running Angarium inside another program."""

from angarium.embedded.composition import Embedded, EmbeddedSettings, Started, open_embedded, run_embedded

__all__ = ["Embedded", "EmbeddedSettings", "Started", "open_embedded", "run_embedded"]
