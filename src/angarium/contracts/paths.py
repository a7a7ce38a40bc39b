"""Where the REST contract begins."""

API = "/api"
API_V1 = "/api/v1"
PUBLIC = "/api/"
"""What begins so is for clients; the rest is for people's browsers, probes and other services."""
WEBHOOKS = "/webhooks"
"""Where providers post: `/webhooks/{provider}/{token}`."""
