"""Liquid sources and variables in, a channel's content out; safe against hostile templates."""
