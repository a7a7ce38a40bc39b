"""Templates that every tenant has without making them: of the B2B surface, and of tests of providers."""
