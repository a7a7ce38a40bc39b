"""A running MySQL, such as a service container of the CI, used instead of the private MariaDB.

Set `ANGARIUM_TEST_MYSQL=mysql://root:password@host:3306/mysql`. It cannot be killed or frozen, so only tests that do
neither can use it.
"""

import asyncio
from typing import Any
from urllib.parse import urlsplit

from tests.support.servers.mariadb import MariaDB

_USER = "angarium"


class MysqlService(MariaDB):
    """As its base, without a process. The databases' user has no rights on the server."""

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._made = 0

    @property
    def url(self) -> str:
        return self._url.geturl()

    def start_now(self) -> None:
        """Do nothing, since it runs already."""

    def stop_now(self) -> None:
        raise NotImplementedError

    def _kill(self) -> None:
        """Do nothing: it keeps running."""

    async def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{self._made}"
        self._made += 1
        await self.sql(
            "SET GLOBAL log_bin_trust_function_creators = 1",  # otherwise triggers need rights on the server
            f"DROP DATABASE IF EXISTS `{name}`",
            f"CREATE DATABASE `{name}` CHARACTER SET latin1",
            f"CREATE USER IF NOT EXISTS '{_USER}'@'%' IDENTIFIED BY '{_USER}'",
            f"GRANT ALL ON `{name}`.* TO '{_USER}'@'%'",
        )
        return f"mysql://{_USER}:{_USER}@{self._url.hostname}:{self._url.port}/{name}"

    async def sql(self, *statements: str) -> str:
        """Run statements. Return the last one's output, one row per line, columns separated by tabs."""
        rows: list[tuple[Any, ...]] = []
        for statement in statements:
            rows = await self._run(statement)
        return "\n".join("\t".join(map(str, row)) for row in rows)

    async def _run(self, statement: str) -> list[tuple[Any, ...]]:
        import asyncmy  # noqa: PLC0415 - only needed here

        connection: Any = await asyncmy.connect(
            host=self._url.hostname, port=self._url.port, user=self._url.username, password=self._url.password or ""
        )
        try:
            async with connection.cursor() as cursor:
                await cursor.execute(statement)
                return list(await cursor.fetchall()) if cursor.description else []
        finally:
            await asyncio.shield(connection.ensure_closed())
