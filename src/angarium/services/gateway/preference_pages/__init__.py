"""Preference and unsubscribe pages, forwarded to the users service."""
