"""What the gateway passes on to the users and templates services."""
