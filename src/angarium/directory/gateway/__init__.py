"""What users and templates ask of the gateway: callers, and the record of changes."""
