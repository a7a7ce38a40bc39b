"""Pages of users and templates, as their services know them. To read, and to preview."""
