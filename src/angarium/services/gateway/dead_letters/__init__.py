"""Dead letters: lists, replays, discards."""
