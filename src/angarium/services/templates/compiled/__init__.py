"""Compiled versions for other services."""
