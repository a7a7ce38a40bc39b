"""Reading notifications: status, lists, timelines, explanations."""
