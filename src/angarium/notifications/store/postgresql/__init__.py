"""The notification store on PostgreSQL: hand-written statements over raw connections, using the server's clock."""
