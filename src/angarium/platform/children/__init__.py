"""Child processes that process untrusted input under resource limits."""
