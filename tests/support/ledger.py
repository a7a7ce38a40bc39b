"""Moved to `angarium.testing.ledger`."""

from angarium.testing.ledger import Account, Ledger

__all__ = ["Account", "Ledger"]
