"""Providers that support every channel."""
