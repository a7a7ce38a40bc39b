"""SQLAlchemy's asyncpg dialect over a `Connector`'s connections; also safe behind a pooler in transaction mode."""

import re
from typing import Any

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.util import await_only

from angarium.platform.database.postgresql_connector import Connector

_NAME = "angarium"
DRIVER = f"postgresql+{_NAME}"
_OUTSIDE_TRANSACTIONS = re.compile(r"\bCONCURRENTLY\b|^\s*VACUUM\b", re.IGNORECASE)
"""Statements that PostgreSQL refuses in a transaction."""


class ConnectorDialect(PGDialect_asyncpg):
    """As its base class. `connector` must be set before the first connection."""

    supports_statement_cache = True
    connector: Connector

    def connect(self, *_arguments: Any, **_options: Any) -> Any:
        opened = await_only(self.connector.connect())

        async def made() -> Any:
            return opened

        # An unnamed statement exists until the next one is prepared, so none stays in the pooler's session.
        pooled = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": str}
        return self.loaded_dbapi.connect(async_creator_fn=made, **(pooled if self.connector.pooled else {}))

    async def setup_asyncpg_json_codec(self, conn: Any) -> None:
        async with conn.driver_connection.transaction():
            await super().setup_asyncpg_json_codec(conn)  # type: ignore[no-untyped-call]

    async def setup_asyncpg_jsonb_codec(self, conn: Any) -> None:
        async with conn.driver_connection.transaction():
            await super().setup_asyncpg_jsonb_codec(conn)  # type: ignore[no-untyped-call]

    def do_begin(self, dbapi_connection: Any) -> None:
        super().do_begin(dbapi_connection)  # type: ignore[no-untyped-call]
        if self.connector.pooled and not _commits_alone(dbapi_connection):
            cursor = dbapi_connection.cursor()
            cursor.execute(self.connector.configure)
            cursor.close()

    def do_execute(self, cursor: Any, statement: Any, parameters: Any, context: Any = None) -> None:
        """In autocommit mode give each statement a transaction, since it is prepared before it runs."""
        proxied = None if context is None else context.root_connection.connection
        if proxied is None or not self.connector.pooled or not _commits_alone(proxied):
            super().do_execute(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]
            return
        connection = proxied.driver_connection
        if _OUTSIDE_TRANSACTIONS.search(statement):
            await_only(connection.execute(statement))
            return
        await_only(connection.execute(self.connector.begin))
        try:
            super().do_execute(cursor, statement, parameters, context)  # type: ignore[no-untyped-call]
        except BaseException:
            if not connection.is_closed():
                await_only(connection.execute("ROLLBACK"))
            raise
        await_only(connection.execute("COMMIT"))


def register() -> None:
    """Register DRIVER with SQLAlchemy. Idempotent."""
    registry.register(f"postgresql.{_NAME}", __name__, ConnectorDialect.__name__)


def _commits_alone(connection: Any) -> bool:
    adapted = getattr(connection, "dbapi_connection", connection)
    return bool(adapted.autocommit)
