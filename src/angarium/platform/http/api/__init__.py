"""Requests to the HTTP APIs of other companies: one pooled client behind a small port."""
