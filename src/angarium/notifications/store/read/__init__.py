"""Queries of the record for clients: SQLAlchemy Core, the same for every database."""
