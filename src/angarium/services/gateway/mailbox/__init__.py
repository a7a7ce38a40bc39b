"""The built-in mailbox, which stores and shows messages sent in development."""
