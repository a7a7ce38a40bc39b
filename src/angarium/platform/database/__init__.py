"""Connections, types and migrations for the three databases."""
