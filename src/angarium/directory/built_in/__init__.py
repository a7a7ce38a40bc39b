"""Templates that every tenant has without making them: what the B2B surface sends with."""
