"""Tokens, logins, and the verification of callers for other services."""
