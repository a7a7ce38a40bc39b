"""Firebase Cloud Messaging: Android, iOS and browsers, by the HTTP v1 API."""
