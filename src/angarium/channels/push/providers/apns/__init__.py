"""Apple Push Notification service, over its HTTP/2 API."""
