"""Erasure of users in the gateway."""
