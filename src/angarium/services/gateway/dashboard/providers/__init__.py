"""The page of providers: circuit breakers and marketing."""
