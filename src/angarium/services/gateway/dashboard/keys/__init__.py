"""The page of API keys: list, create, rotate, revoke."""
