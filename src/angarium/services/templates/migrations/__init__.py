"""The schema of `templates_db`, step by step."""
