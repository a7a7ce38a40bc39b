"""The overview: findings, figures, a chart, live."""
