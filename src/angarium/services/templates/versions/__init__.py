"""Versions of a template: drafts, publication, differences."""
