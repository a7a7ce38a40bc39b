"""Database triggers for the side effects of a notification's changes."""
