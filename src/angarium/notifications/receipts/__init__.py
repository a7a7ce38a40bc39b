"""Effects of receipts and delivery reports on notifications and addresses."""
