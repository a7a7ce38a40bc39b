"""Versioned, localised templates and their preview."""
