"""The ways out for this channel."""
