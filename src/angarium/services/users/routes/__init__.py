"""The HTTP face of the users service, by subject."""
