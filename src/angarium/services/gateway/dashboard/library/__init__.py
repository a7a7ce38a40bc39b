"""Pages of templates: versions, previews, differences, publication, test messages."""
