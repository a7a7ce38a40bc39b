"""Pages of templates: their versions, previews, publication."""
