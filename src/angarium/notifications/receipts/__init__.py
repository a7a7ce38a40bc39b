"""What receipts and delivery reports do to notifications and addresses."""
