"""The mailbox page for people."""
