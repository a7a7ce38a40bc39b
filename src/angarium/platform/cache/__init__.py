"""The port to the shared cache, and its adapters."""
