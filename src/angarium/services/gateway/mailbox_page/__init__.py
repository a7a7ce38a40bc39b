"""The mailbox page for browsers."""
