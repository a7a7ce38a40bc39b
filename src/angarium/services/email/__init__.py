"""The email worker and its providers."""
