"""Logs, metrics, traces, and the correlation ids that connect them."""
