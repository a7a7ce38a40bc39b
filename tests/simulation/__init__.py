"""The shipped gateway, relay, sweeper and engine in virtual time, with seeded faults."""
