"""Moved to `angarium.testing.proxy`."""

from angarium.testing.proxy import Proxy

__all__ = ["Proxy"]
