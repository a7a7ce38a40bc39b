"""The dashboard: pages for operators."""
