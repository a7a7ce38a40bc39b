"""The page of the suppression list: search, add, remove."""
