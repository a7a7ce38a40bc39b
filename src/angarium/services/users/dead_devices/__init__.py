"""Devices whose push tokens a provider has reported as dead."""
