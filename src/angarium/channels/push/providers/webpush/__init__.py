"""Web Push: to browsers, by their own push services."""
