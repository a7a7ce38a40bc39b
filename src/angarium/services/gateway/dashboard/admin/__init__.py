"""Pages for admins: operators, the audit log, settings."""
