"""The client for URLs that strangers gave."""
