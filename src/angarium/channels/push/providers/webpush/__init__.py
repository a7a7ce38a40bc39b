"""Web Push to browsers, through their push services."""
