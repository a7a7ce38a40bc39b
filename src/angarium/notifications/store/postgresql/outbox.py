"""The outbox on PostgreSQL."""

MESSAGE_COLUMNS = {
    "subject": "uuid",
    "kind": "text",
    "exchange": "text",
    "routing_key": "text",
    "body": "bytea",
    "correlation_id": "text",
}
