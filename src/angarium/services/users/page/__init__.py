"""The preference page and the one-click unsubscription."""
