"""Erasures that other services must carry out too."""
