"""Calls of the users and templates services to the gateway: authentication and the audit log."""
