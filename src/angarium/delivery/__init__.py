"""The engine that every channel worker runs: claim → check → render → send → record → retry or dead-letter."""
