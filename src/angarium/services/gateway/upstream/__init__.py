"""Requests that the gateway forwards to the users and templates services."""
