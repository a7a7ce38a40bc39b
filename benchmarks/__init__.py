"""Benchmarks of Angarium and comparable systems (peers), on private servers. `make bench` runs them."""
