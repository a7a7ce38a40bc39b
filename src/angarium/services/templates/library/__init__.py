"""Templates: a code and its published version."""
