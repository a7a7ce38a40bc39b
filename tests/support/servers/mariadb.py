"""A private MariaDB."""

import asyncio
import itertools
import os
import shutil
import socket
import subprocess
from pathlib import Path

from tests.support.servers.binaries import find, unprivileged
from tests.support.servers.process import Process
from tests.support.servers.server import Server

_WHERE = ("/usr/sbin", "/usr/libexec", "/usr/local/opt/mariadb/bin", "/opt/homebrew/opt/mariadb/bin")
_PACKAGE = "mariadb-server"
_USER = "angarium"


class MariaDB(Server):
    """A MariaDB with the user `root` and no password. InnoDB flushes at each commit, as by default."""

    def __init__(self, folder: Path) -> None:
        self._install = find("mariadb-install-db", _PACKAGE)
        self._mariadbd = find("mariadbd", _PACKAGE, _WHERE)
        self._client = find("mariadb", "mariadb-client")
        self._account = unprivileged("mysql")
        self._numbers = itertools.count(1)
        super().__init__(folder)

    @property
    def url(self) -> str:
        return f"mysql://root@127.0.0.1:{self.port}/mysql"

    async def create_database(self) -> str:
        """Create a database and return its URL, for a user with all rights on it and none on the server.

        The default character set is latin1, as on some servers.
        """
        name = f"test_{next(self._numbers)}"
        await self.sql(f"CREATE DATABASE `{name}` CHARACTER SET latin1")
        for host in ("localhost", "127.0.0.1"):
            await self.sql(f"CREATE USER IF NOT EXISTS '{_USER}'@'{host}'")
            await self.sql(f"GRANT ALL ON `{name}`.* TO '{_USER}'@'{host}'")
        return f"mysql://{_USER}@127.0.0.1:{self.port}/{name}"

    async def drop_database(self, url: str) -> None:
        """Remove a database of `create_database`."""
        name = url.rpartition("/")[2]
        await self.sql(f"DROP DATABASE IF EXISTS `{name}`")

    async def sql(self, statement: str) -> str:
        """Run a statement. Return its output with one row per line and columns separated by tabs."""
        return await asyncio.to_thread(self._sql, statement)

    def _sql(self, statement: str) -> str:
        where = ["--no-defaults", "-h", "127.0.0.1", "-P", str(self.port), "-u", "root", "--batch", "-N"]
        done = subprocess.run(  # noqa: S603 - our own command, no shell
            [self._client, *where, "-e", statement], capture_output=True, text=True, check=False, timeout=60
        )
        if done.returncode:
            raise RuntimeError(f"{statement}: {done.stderr.strip()}")
        return done.stdout.strip()

    def _prepare(self) -> None:
        if self._account:
            shutil.chown(self.folder, self._account.pw_uid, self._account.pw_gid)
        options = [
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        ]
        install = Process(
            [self._install, *options], environment=self._environment(), log=self.log, account=self._account
        )
        install.wait()

    def _launch(self) -> Process:
        command = [
            self._mariadbd,
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--socket={self.folder / 'socket'}",
            f"--pid-file={self.folder / 'pid'}",
            "--max-connections=200",
        ]
        return Process(command, environment=self._environment(), log=self.log, account=self._account)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                pass
            return self._sql("SELECT 1") == "1"
        except (OSError, RuntimeError):
            return False

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "TZ": "UTC"}
