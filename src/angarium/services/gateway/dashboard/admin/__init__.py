"""Pages for admins: keys, operators, the audit log."""
