"""Pages of users: search, details, preferences, devices, erasure."""
