"""Addresses that get nothing."""
