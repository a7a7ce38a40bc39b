"""Merges table definitions, so that Alembic can compare them with a database."""

from collections.abc import Iterable

from sqlalchemy import MetaData

from angarium.platform.database.types import new_metadata


def merged(schemas: Iterable[MetaData]) -> MetaData:
    """One MetaData with the tables of all `schemas`."""
    whole = new_metadata()
    for schema in schemas:
        for table in schema.sorted_tables:
            table.to_metadata(whole)
    return whole
