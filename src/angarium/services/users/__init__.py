"""Users with their addresses, devices and preferences."""
