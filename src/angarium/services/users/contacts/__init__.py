"""Contacts for other services, and their cached copies."""
