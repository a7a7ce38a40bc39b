"""Ports and adapters that know no service: broker, cache, database, HTTP, time, telemetry."""
