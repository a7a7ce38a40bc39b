"""Users with devices and preferences, stored, changed and shown as one."""
