"""Built-in templates of every tenant, for the B2B API and for tests of providers."""
