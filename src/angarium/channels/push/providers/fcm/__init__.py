"""Firebase Cloud Messaging: Android, iOS and browsers, over the HTTP v1 API."""
