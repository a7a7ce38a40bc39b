"""The port to whatever carries the work, and its adapters."""
