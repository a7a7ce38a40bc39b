"""Angarium: self-hosted, distributed notifications."""

__version__ = "0.1.0"
