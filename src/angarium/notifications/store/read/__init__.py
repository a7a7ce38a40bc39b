"""What people and their programs read of the record: SQLAlchemy Core, one form for every database."""
