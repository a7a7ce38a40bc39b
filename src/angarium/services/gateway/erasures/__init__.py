"""The gateway's part in the erasure of a user."""
