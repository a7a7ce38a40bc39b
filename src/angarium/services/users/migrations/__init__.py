"""The schema of `users_db`, step by step."""
