"""Pages of dead letters: by reason, one, replays with a dry run and progress, discards."""
