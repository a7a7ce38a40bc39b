"""People, their addresses, devices and wishes."""
