"""Moved to `angarium.testing.smtp.script`."""

from angarium.testing.smtp.script import Received, Step

__all__ = ["Received", "Step"]
