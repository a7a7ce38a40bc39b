"""The documentation page, and the shared style of pages."""
