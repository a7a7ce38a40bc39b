"""The suppression list, for those who run a tenant."""
