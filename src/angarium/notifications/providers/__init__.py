"""The state of providers shared by workers: circuit breakers, outcomes, demand."""
