"""Tests at scale: many connections, fairness between a large and a small tenant, and searches over a million rows."""
