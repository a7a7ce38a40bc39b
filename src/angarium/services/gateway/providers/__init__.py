"""Configured providers and their circuit breakers, for operators."""
