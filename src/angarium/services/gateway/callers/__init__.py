"""Who is behind a key or a token."""
