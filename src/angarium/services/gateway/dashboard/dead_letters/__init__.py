"""Pages of dead letters: list, counts by reason, details, replay with dry run and progress, discard."""
