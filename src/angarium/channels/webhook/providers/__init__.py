"""Webhook providers."""
