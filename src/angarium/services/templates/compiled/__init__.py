"""Compiled versions as other services read them."""
