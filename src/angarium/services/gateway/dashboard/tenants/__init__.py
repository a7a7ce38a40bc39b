"""The page of tenants: list, create."""
