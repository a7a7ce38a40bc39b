"""Imports of many users from a file."""
