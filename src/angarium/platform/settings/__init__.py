"""Settings: their sources, groups and value types."""
