"""How often a caller may ask: a sliding window with a burst of the whole allowance."""
