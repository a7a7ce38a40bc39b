"""The page of providers and their circuit breakers."""
