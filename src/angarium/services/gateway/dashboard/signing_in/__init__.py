"""Signing in and out, and error pages."""
