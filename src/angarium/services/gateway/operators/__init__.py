"""Operators of the dashboard: accounts, sessions, sign-in links."""
