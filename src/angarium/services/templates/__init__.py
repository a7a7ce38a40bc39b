"""Versioned and localised templates, and previews."""
