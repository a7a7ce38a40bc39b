"""One folder for each channel: its addresses, its content, its providers."""
