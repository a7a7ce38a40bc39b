"""Angarium and its peers measured side by side, on private servers; `make bench` runs it."""
