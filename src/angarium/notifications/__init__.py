"""The life cycle of notifications: record, transitions, store and outbox."""
