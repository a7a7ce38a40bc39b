"""Pages of notifications: search, details with the timeline, content, cancel, send again."""
