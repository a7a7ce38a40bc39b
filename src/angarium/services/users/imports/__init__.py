"""Imports of users from files."""
