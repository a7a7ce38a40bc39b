"""A broker inside one process; the database is its truth."""
