"""Drafts from requests, compiled in child processes."""
