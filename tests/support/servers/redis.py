"""A private Redis, and a Sentinel for a primary and its replica."""

import asyncio
import os
import socket
from pathlib import Path

from tests.support.servers.binaries import find
from tests.support.servers.process import Process
from tests.support.servers.server import Server
from tests.support.wait import until


class Redis(Server):
    """A Redis without persistence: a kill loses all data, which Angarium must tolerate at any time."""

    def __init__(self, folder: Path) -> None:
        self._redis = find("redis-server", "redis-server")
        super().__init__(folder)

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    async def flush(self) -> None:
        """Delete all data."""
        await asyncio.to_thread(self._ask, b"FLUSHALL")

    async def fill(self) -> None:
        """Simulate full memory: writes are refused (OOM), and existing values can be read."""
        await self._command(b"CONFIG SET maxmemory-policy noeviction")
        await self._command(b"CONFIG SET maxmemory 1")

    async def become_a_replica(self) -> None:
        """Become a replica, as after a failover: writes are refused (READONLY), and existing values can be read."""
        await self._command(b"REPLICAOF 127.0.0.1 1")

    async def follow(self, primary: "Redis") -> None:
        """Become a replica of `primary`."""
        await self._command(f"REPLICAOF 127.0.0.1 {primary.port}".encode())

    async def replicates(self) -> bool:
        """Whether this is a replica with its primary's data."""
        return b"master_link_status:up" in await asyncio.to_thread(self._ask, b"INFO replication")

    async def lack_replicas(self) -> None:
        """Refuse writes like a primary without replicas (NOREPLICAS). Existing values can be read."""
        await self._command(b"CONFIG SET min-replicas-to-write 1")

    async def recover(self) -> None:
        """Accept writes again after any of these."""
        await self._command(b"REPLICAOF NO ONE")
        await self._command(b"CONFIG SET maxmemory 0")
        await self._command(b"CONFIG SET min-replicas-to-write 0")

    async def _command(self, command: bytes) -> None:
        answer = await asyncio.to_thread(self._ask, command)
        assert answer.startswith(b"+OK"), answer

    def _prepare(self) -> None:
        """Do nothing, since it stores no data."""

    def _launch(self) -> Process:
        command = [self._redis, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        options = ["--save", "", "--appendonly", "no"]
        return Process([*command, *options], environment={"PATH": os.environ.get("PATH", os.defpath)}, log=self.log)

    def _answers(self) -> bool:
        try:
            return self._ask(b"PING").startswith(b"+PONG")
        except OSError:
            return False

    def _ask(self, command: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(command + b"\r\n")
            return connection.recv(65_536)


class RedisSentinel(Redis):
    """Reports the primary of `MASTER`, and promotes its replica within about two seconds if the primary is down."""

    MASTER = "cache"

    def __init__(self, folder: Path, primary: Redis) -> None:
        self._primary = primary
        super().__init__(folder)

    @property
    def url(self) -> str:
        return f"redis+sentinel://127.0.0.1:{self.port}/0?master={self.MASTER}"

    async def knows_a_replica(self) -> bool:
        """Whether there is a replica that it can promote."""
        return b"role-reported" in await asyncio.to_thread(self._ask, f"SENTINEL REPLICAS {self.MASTER}".encode())

    async def fail_over(self) -> None:
        """Swap the running primary and replica, as in a planned failover. Waits until the replica can be promoted."""
        await until(self._fails_over, 30)

    async def _fails_over(self) -> bool:
        answer = await asyncio.to_thread(self._ask, f"SENTINEL FAILOVER {self.MASTER}".encode())
        assert answer.startswith((b"+OK", b"-NOGOODSLAVE")), answer
        return answer.startswith(b"+OK")

    def _launch(self) -> Process:
        configuration = self.folder / "sentinel.conf"
        if not configuration.exists():
            configuration.write_text(
                f"port {self.port}\nbind 127.0.0.1\ndir {self.folder}\n"
                f"sentinel monitor {self.MASTER} 127.0.0.1 {self._primary.port} 1\n"
                f"sentinel down-after-milliseconds {self.MASTER} 500\n"
                f"sentinel failover-timeout {self.MASTER} 2000\n"
            )
        environment = {"PATH": os.environ.get("PATH", os.defpath)}
        return Process([self._redis, str(configuration), "--sentinel"], environment=environment, log=self.log)
