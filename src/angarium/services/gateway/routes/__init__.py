"""The gateway's paths, by subject."""
