"""Prefixes of the REST contract."""

API = "/api"
API_V1 = "/api/v1"
PUBLIC = "/api/"
"""The prefix of paths for clients; other paths are for browsers, probes and other services."""
WEBHOOKS = "/webhooks"
"""The prefix of providers' webhooks: `/webhooks/{provider}/{token}`."""
