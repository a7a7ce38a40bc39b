"""The only door for clients: authenticates, validates, records, queues, answers."""
