"""Versions that changed users have reached."""
