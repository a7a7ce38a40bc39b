"""Preference pages, passed on to the users service."""
