"""The client between services."""
