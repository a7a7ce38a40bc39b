"""A private PgBouncer in front of a private PostgreSQL."""

import os
import signal
import socket
from pathlib import Path

from tests.support.servers.binaries import find, unprivileged
from tests.support.servers.postgresql import PostgreSQL
from tests.support.servers.process import Process
from tests.support.servers.server import Server


class PgBouncer(Server):
    """A pooler for all databases of the server. It has few sessions, so that clients share them."""

    end_signal = signal.SIGINT

    def __init__(self, folder: Path, postgresql: PostgreSQL, *, mode: str = "transaction", sessions: int = 5) -> None:
        self._pgbouncer = find("pgbouncer", "pgbouncer", ("/usr/sbin",))
        self._account = unprivileged("postgres")
        self._postgresql = postgresql
        self._mode = mode
        self._sessions = sessions
        super().__init__(folder)

    @property
    def url(self) -> str:
        return self.url_of(self._postgresql.url)

    def url_of(self, url: str) -> str:
        """The URL of one of the PostgreSQL's databases through this pooler."""
        return url.replace(f":{self._postgresql.port}/", f":{self.port}/")

    def _prepare(self) -> None:
        configuration = f"""
[databases]
* = host=127.0.0.1 port={self._postgresql.port} user=postgres
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
pool_mode = {self._mode}
default_pool_size = {self._sessions}
max_client_conn = 500
server_round_robin = 1
"""
        (self.folder / "pgbouncer.ini").write_text(configuration)

    def _launch(self) -> Process:
        self.folder.chmod(0o755)
        return Process(
            [self._pgbouncer, str(self.folder / "pgbouncer.ini")],
            environment={"PATH": os.environ.get("PATH", os.defpath)},
            log=self.log,
            account=self._account,
        )

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=10).close()
        except OSError:
            return False
        return True
