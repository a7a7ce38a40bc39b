"""Reading notifications: one, lists, timelines, why."""
