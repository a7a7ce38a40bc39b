"""Simulation: the shipped gateway, relay, sweeper and engine run in virtual time, with seeded faults."""
