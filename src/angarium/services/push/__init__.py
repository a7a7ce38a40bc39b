"""The push worker and its providers."""
