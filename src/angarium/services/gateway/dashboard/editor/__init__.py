"""The template editor."""
