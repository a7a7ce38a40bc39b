"""The routes of the templates service."""
