"""Drafts made from requests, compiled in child processes."""
