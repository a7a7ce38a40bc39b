"""Does it hold at size: many connections at once, one tenant's crowd before another's few, lists of a million."""
