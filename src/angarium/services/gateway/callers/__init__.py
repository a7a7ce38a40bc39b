"""Identification of callers by key or token."""
