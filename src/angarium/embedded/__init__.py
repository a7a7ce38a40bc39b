"""All services in one process: what other programs may import to run Angarium inside their own."""

from angarium.embedded.composition import Embedded, EmbeddedSettings, Started, open_embedded, run_embedded

__all__ = ["Embedded", "EmbeddedSettings", "Started", "open_embedded", "run_embedded"]
