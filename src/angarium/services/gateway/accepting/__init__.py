"""POST /api/v1/notifications, single and bulk."""
