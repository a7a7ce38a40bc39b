"""A RabbitMQ cluster of private nodes on 127.0.0.1."""

import asyncio
from pathlib import Path

from tests.support.servers.rabbitmq import RabbitMQ


class ClusterNode(RabbitMQ):
    """Another node in the cluster of `first`, with the same port mapper and secret. It joins when it starts."""

    def __init__(self, folder: Path, first: RabbitMQ) -> None:
        self._first = first
        super().__init__(folder)
        self._epmd_port, self._mapper = first._epmd_port, first._mapper

    async def join(self) -> None:
        """Join the cluster. Called once, after the first start."""
        await self.ctl("stop_app")
        await self.ctl("join_cluster", self._first._node)
        await self.ctl("start_app")
        await asyncio.to_thread(self.start_now)

    def _prepare(self) -> None:
        super()._prepare()
        cookie = self.folder / ".erlang.cookie"
        cookie.unlink()
        cookie.write_text((self._first.folder / ".erlang.cookie").read_text())
        cookie.chmod(0o400)

    def _kill_everything(self) -> None:
        self._kill()  # the port mapper belongs to the first node
