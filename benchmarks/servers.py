"""The private servers that all systems of a run share, with default durability settings (`fsync` on)."""

import asyncio
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.accounting import cpu_seconds, family
from tests.support.servers import PostgreSQL, RabbitMQ, Redis, Server


@dataclass(frozen=True, slots=True)
class Servers:
    """PostgreSQL, RabbitMQ and Redis."""

    postgresql: PostgreSQL
    rabbitmq: RabbitMQ
    redis: Redis

    def database(self) -> str:
        """The URL of a new database."""
        return asyncio.run(self.postgresql.create_database())

    def vhost(self) -> str:
        """The URL of a new virtual host."""
        return asyncio.run(self.rabbitmq.create_vhost())

    def purge(self, vhost: str, queue: str) -> None:
        """Empty a queue."""
        asyncio.run(self.rabbitmq.ctl("purge_queue", "-p", vhost.rpartition("/")[2], queue))

    def versions(self) -> Mapping[str, str]:
        """The versions of the servers."""
        return {
            "PostgreSQL": asyncio.run(self.postgresql.sql("SHOW server_version")).split()[0],
            "RabbitMQ": asyncio.run(self.rabbitmq.ctl("version")),
        }

    def cpu(self) -> Mapping[str, float]:
        """The CPU seconds of each server so far."""
        servers: Mapping[str, Server] = {"postgresql": self.postgresql, "rabbitmq": self.rabbitmq, "redis": self.redis}
        return {name: cpu_seconds(family(server.pid)) for name, server in servers.items()}


@contextmanager
def private_servers() -> Iterator[tuple[Path, Servers]]:
    """Start the servers, and create a folder for the files of the run. Both end with the context."""
    with (
        tempfile.TemporaryDirectory(prefix="angarium-bench-", ignore_cleanup_errors=True) as name,
        ExitStack() as stack,
    ):
        folder = Path(name)
        folder.chmod(0o711)
        postgresql = stack.enter_context(PostgreSQL(folder / "postgresql"))
        rabbitmq = stack.enter_context(RabbitMQ(folder / "rabbitmq"))
        redis = stack.enter_context(Redis(folder / "redis"))
        yield folder, Servers(postgresql, rabbitmq, redis)
