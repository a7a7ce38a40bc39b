"""Previews of a version."""
