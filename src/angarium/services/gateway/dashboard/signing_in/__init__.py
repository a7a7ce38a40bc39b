"""Signing in and out, and the pages of errors."""
