"""What belongs to a change of a notification, as database triggers."""
