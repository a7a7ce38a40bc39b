"""Apple Push Notification service, by its HTTP/2 API."""
