"""The notification store on SQLite: whole transactions in one writer thread, by the injected clock."""
