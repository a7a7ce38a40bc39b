"""Logs, metrics and the correlation that ties them together."""
