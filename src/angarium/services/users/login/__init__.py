"""Checks of an email and a password."""
