"""Child processes that do heavy work on untrusted input, under limits."""
