"""HTTP client for URLs that clients supply."""
