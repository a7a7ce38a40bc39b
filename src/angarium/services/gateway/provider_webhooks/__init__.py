"""What providers post: receipts of messages, and messages of people to our numbers."""
