"""Status callbacks: stored with the change that they report, signed, and posted to their endpoints."""
