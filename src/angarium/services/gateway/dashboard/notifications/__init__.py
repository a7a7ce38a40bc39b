"""Pages of notifications: search, one with its timeline, its content, cancel, send again."""
