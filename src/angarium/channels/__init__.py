"""One folder per channel: its addresses, content and providers."""
