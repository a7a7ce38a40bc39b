"""Devices of a user."""
