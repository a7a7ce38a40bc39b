"""The message broker's port and adapters."""
