"""Connections to PostgreSQL, direct or through a pooler.

A pooler in transaction mode (such as PgBouncer) gives each transaction any of its sessions. A session's prepared
statement, setting or advisory lock would be missing in the next transaction, or affect another client. So on such
connections nothing outlives its transaction: every statement runs in one, with an unnamed prepared statement and the
settings that it needs. https://www.pgbouncer.org/features.html
"""

from collections.abc import Mapping
from typing import Any

from angarium.platform.database.postgresql_address import Pooler, PostgresqlAddress

CONNECT_TIMEOUT = 5.0
"""Seconds, for all hosts of an address together."""
_APPLICATION = {"application_name": "angarium"}
"""A startup parameter that every pooler accepts. They refuse most others."""
_OF_A_CONNECTION = "tcp_"
"""Settings of the server connection, which belongs to the pooler if there is one."""
_PREPARED = 100
"""Prepared statements cached per connection."""


class Connector:
    """Opens connections to `address`.

    `settings` apply to each session or, behind a pooler, to each transaction. `patience`: seconds that a server may be
    silent; None: no limit.
    """

    def __init__(self, address: PostgresqlAddress, settings: Mapping[str, str], patience: float | None) -> None:
        self._address = address
        self._settings = dict(settings)
        self._patience = patience
        self._pooled = address.pooler is Pooler.TRANSACTION
        local = {name: value for name, value in settings.items() if not name.startswith(_OF_A_CONNECTION)}
        self._session = "; ".join(f"SET {name} = '{value}'" for name, value in settings.items())
        self._local = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in local.items())
        configured = ", ".join(f"set_config('{name}', '{value}', true)" for name, value in local.items())
        self.configure = f"SELECT {configured}"
        """The statement that applies the settings to its transaction."""

    @property
    def pooled(self) -> bool:
        """Whether connections go through a pooler that changes the session between transactions.

        Once detected, it stays True for the process's lifetime: what works behind a pooler works without one.
        """
        return self._pooled

    @property
    def begin(self) -> str:
        """The statements that begin a transaction with the settings.

        Only for the simple query protocol, which takes several.
        """
        return f"BEGIN; {self._local}" if self._local else "BEGIN"

    def altered(self, settings: Mapping[str, str], *, patience: float | None) -> "Connector":
        """A connector to the same address, with `settings` merged over its own."""
        return Connector(self._address, {**self._settings, **settings}, patience)

    async def connect(self) -> Any:
        """Open a new asyncpg connection. Raises the driver's errors, or OSError."""
        connection = await self._open()
        try:
            if not self._pooled and await self._meets_a_pooler(connection):
                self._pooled = True
                connection.terminate()  # it caches prepared statements
                connection = await self._open()
            elif not self._pooled and self._session:
                await connection.execute(self._session)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _open(self) -> Any:
        import asyncpg  # noqa: PLC0415 - an optional driver: only who uses PostgreSQL has it

        limit = CONNECT_TIMEOUT if self._patience is None else min(CONNECT_TIMEOUT, self._patience)
        try:
            return await asyncpg.connect(
                self._address.dsn,
                timeout=limit / self._address.hosts,
                command_timeout=self._patience,
                server_settings=_APPLICATION,
                statement_cache_size=0 if self._pooled else _PREPARED,
            )
        except asyncpg.exceptions.TargetServerAttributeNotMatched as error:
            # During a fail-over: not a server's answer, but no server is available.
            raise ConnectionRefusedError("no host has the wanted target_session_attrs") from error

    async def _meets_a_pooler(self, connection: Any) -> bool:
        """Whether the backend process of `connection` differs from the one named at the start of the session.

        A pooler reports a process id of its own. Uses one simple query, since a prepared one might run on two sessions.
        """
        if self._address.pooler is not Pooler.AUTO:
            return False
        named = connection.get_server_pid()
        status: str = await connection.execute(f"SELECT 1 WHERE pg_backend_pid() <> {named:d}")
        return status == "SELECT 1"
