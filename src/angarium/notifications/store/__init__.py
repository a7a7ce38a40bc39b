"""The notification store: its port and one adapter per database."""
