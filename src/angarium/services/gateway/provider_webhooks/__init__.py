"""Webhooks of providers: receipts of sent messages, and SMS replies to our numbers."""
