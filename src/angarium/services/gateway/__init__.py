"""The gateway, the only service for clients: authenticates, validates, records and queues notifications."""
