"""Circuit breakers and rate limits of providers, shared by the workers of a channel."""
