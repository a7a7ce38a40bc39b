"""OpenAPI documents of the users and templates services."""
