"""The notification store on SQLite: transactions in one writer thread, using the injected clock."""
