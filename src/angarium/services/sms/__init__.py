"""The SMS worker and its providers."""
