"""Settings: where they come from, their groups, their values."""
