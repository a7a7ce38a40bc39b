"""A private PostgreSQL."""

import asyncio
import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.support.servers.binaries import find, unprivileged
from tests.support.servers.process import Process
from tests.support.servers.server import Server

_WHERE = ("/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin")
_PACKAGE = "postgresql"


class PostgreSQL(Server):
    """A PostgreSQL with the user `postgres` and no password. `fsync` is on: confirmed commits survive `kill`."""

    end_signal = signal.SIGINT  # "fast" shutdown: does not wait for clients

    def __init__(self, folder: Path) -> None:
        self._initdb = find("initdb", _PACKAGE, _WHERE)
        self._postgres = find("postgres", _PACKAGE, _WHERE)
        self._psql = find("psql", "postgresql-client", _WHERE)
        self._account = unprivileged("postgres")
        self._numbers = itertools.count(1)
        super().__init__(folder)

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    async def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{next(self._numbers)}"
        await self.sql(f'CREATE DATABASE "{name}"')
        return f"postgresql://postgres@127.0.0.1:{self.port}/{name}"

    async def drop_database(self, url: str) -> None:
        """Drop a database created by `create_database`, and close its connections."""
        name = url.rpartition("/")[2]
        await self.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def sql(self, statement: str) -> str:
        """Run a statement in the database `postgres`. Return one row per line, with columns separated by `|`."""
        return await asyncio.to_thread(self._sql, statement)

    def _sql(self, statement: str) -> str:
        command = [self._psql, "-X", "-A", "-t", "-q", "-v", "ON_ERROR_STOP=1", "-d", self.url, "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - ours
        if done.returncode:
            raise RuntimeError(f"{statement}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _prepare(self) -> None:
        if self._account:
            shutil.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        command = [
            self._initdb,
            "-D",
            "data",
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-locale",
            "--no-sync",
        ]
        initdb = Process(command, environment=self._environment(), log=self.log, account=self._account)
        initdb.wait()

    def _launch(self) -> Process:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.folder,
            "max_connections": 200,
            "timezone": "UTC",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        command = [self._postgres, "-D", "data", *options]
        return Process(command, environment=self._environment(), log=self.log, account=self._account)

    def _answers(self) -> bool:
        try:
            return self._sql("SELECT 1") == "1"
        except RuntimeError:
            return False

    @staticmethod
    def _environment() -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
