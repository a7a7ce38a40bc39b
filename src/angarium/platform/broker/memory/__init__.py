"""An in-process broker, refilled from the database at the start."""
