"""Shared tools of the tests: private servers, systems under test, provider APIs, bounded waiting."""
