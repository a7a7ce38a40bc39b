"""Moved to `angarium.testing.providers`."""

from angarium.testing.providers import outbound

__all__ = ["outbound"]
