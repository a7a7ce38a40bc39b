"""The notification store on PostgreSQL: hand-written statements over raw connections, by the server's clock."""
