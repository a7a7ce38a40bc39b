"""The migrations of `notification_db`."""
