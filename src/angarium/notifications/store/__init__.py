"""The notification store: its port, and one adapter for each database."""
