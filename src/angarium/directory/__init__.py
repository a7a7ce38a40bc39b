"""Look-ups of users and templates for those who do not own them: the gateway at acceptance, the worker at the send."""
