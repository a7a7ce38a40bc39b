"""Look-ups of users and templates, for the gateway at acceptance and for workers before a send."""
