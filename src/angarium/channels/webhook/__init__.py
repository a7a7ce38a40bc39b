"""Webhooks: a signed HTTP POST to a URL of the recipient's."""
