"""Manual changes of status: cancellation, delivery reports, resolution."""
