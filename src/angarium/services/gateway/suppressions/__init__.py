"""The suppression list of tenants."""
