"""Webhooks: a signed HTTP POST to the recipient's URL."""
