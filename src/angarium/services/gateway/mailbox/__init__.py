"""The built-in mailbox: what was sent in development, caught and shown."""
