"""Changes of status from outside: cancellation, delivery reports, resolution."""
