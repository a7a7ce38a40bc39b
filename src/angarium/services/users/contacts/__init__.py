"""Contacts as other services read them, and the cached copies of them."""
