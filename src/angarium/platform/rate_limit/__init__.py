"""Rate limits: a sliding window with a burst of the whole allowance."""
