"""Templates: a code and the version that is published under it."""
