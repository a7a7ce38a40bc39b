"""Circuit breakers and paces of providers, shared by the workers of a channel."""
