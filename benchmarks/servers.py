"""The private servers that every system of a run shares: durable as installed, `fsync` on."""

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
    """PostgreSQL, RabbitMQ, Redis."""

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
        """Which they are."""
        return {
            "PostgreSQL": asyncio.run(self.postgresql.sql("SHOW server_version")).split()[0],
            "RabbitMQ": asyncio.run(self.rabbitmq.ctl("version")),
        }

    def cpu(self) -> Mapping[str, float]:
        """Processor seconds so far of each."""
        servers: Mapping[str, Server] = {"postgresql": self.postgresql, "rabbitmq": self.rabbitmq, "redis": self.redis}
        return {name: cpu_seconds(family(server.pid)) for name, server in servers.items()}


@contextmanager
def private_servers() -> Iterator[tuple[Path, Servers]]:
    """They and a folder for everything that the run writes, until the end of the context."""
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
