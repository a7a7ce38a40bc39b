"""A connection between a process and one that it started: questions with answers, and messages, in both directions."""
