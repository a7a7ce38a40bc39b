"""Delivery reports from trusted services."""
