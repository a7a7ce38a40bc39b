"""Moved to `angarium.testing.smtp`."""

from angarium.testing.smtp.script import Received, Step
from angarium.testing.smtp.server import SmtpServer

__all__ = ["Received", "SmtpServer", "Step"]
