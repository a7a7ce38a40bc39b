"""Status callbacks: kept with the change that they tell of, signed, and brought to their endpoints."""
