"""Connections to PostgreSQL, straight or through a pooler.

A pooler in transaction mode (PgBouncer and its like) gives each transaction any of its sessions. Then a prepared
statement, a setting or an advisory lock of a session is gone at the next transaction, or met by somebody else. So on
such connections nothing outlives its transaction: every statement runs in one, is prepared without a name, and has the
settings that it needs. https://www.pgbouncer.org/features.html
"""

from collections.abc import Mapping
from typing import Any

from angarium.platform.database.postgresql_address import Pooler, PostgresqlAddress

CONNECT_TIMEOUT = 5.0
"""Seconds, for all hosts of an address together."""
_APPLICATION = {"application_name": "angarium"}
"""Every pooler lets it pass at the start of a session. It refuses most others."""
_OF_A_CONNECTION = "tcp_"
"""Settings of the server's own connection, which belongs to the pooler if there is one."""
_PREPARED = 100
"""Prepared statements that a connection remembers."""


class Connector:
    """Opens connections to `address`.

    `settings` apply to each session or, behind a pooler, to each transaction. `patience`: seconds that a server may be
    silent, None without a limit.
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
        """Gives the transaction that runs it the settings."""

    @property
    def pooled(self) -> bool:
        """Whether connections lead to a pooler that changes the session between transactions.

        Once found, it holds for as long as the process runs: what is right behind a pooler is right without one.
        """
        return self._pooled

    @property
    def begin(self) -> str:
        """Begins a transaction with the settings. For the simple query protocol, as it is several statements."""
        return f"BEGIN; {self._local}" if self._local else "BEGIN"

    def altered(self, settings: Mapping[str, str], *, patience: float | None) -> "Connector":
        """One to the same address, with `settings` over its own."""
        return Connector(self._address, {**self._settings, **settings}, patience)

    async def connect(self) -> Any:
        """A new asyncpg connection, ready to use. Raises what the driver raises, or OSError."""
        connection = await self._open()
        try:
            if not self._pooled and await self._meets_a_pooler(connection):
                self._pooled = True
                connection.terminate()  # it remembers prepared statements
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
            # In the middle of a fail-over: an answer of no server, but none serves.
            raise ConnectionRefusedError("no host has the wanted target_session_attrs") from error

    async def _meets_a_pooler(self, connection: Any) -> bool:
        """Whether the process that serves `connection` is not the one that the start of the session named.

        A pooler names a number of its own. One simple query, as anything prepared might meet two sessions.
        """
        if self._address.pooler is not Pooler.AUTO:
            return False
        named = connection.get_server_pid()
        status: str = await connection.execute(f"SELECT 1 WHERE pg_backend_pid() <> {named:d}")
        return status == "SELECT 1"
