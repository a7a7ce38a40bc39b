"""Moved to `angarium.testing.smtp.sink`."""

from angarium.testing.smtp.sink import SmtpSink, parsed

__all__ = ["SmtpSink", "parsed"]
