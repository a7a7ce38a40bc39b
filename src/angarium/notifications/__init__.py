"""A notification's life: its record, its transitions, the store that keeps them, the outbox that publishes them."""
