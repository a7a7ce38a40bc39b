"""Declares the broker's topology, with retries until the broker is available."""

from angarium.platform.broker.port import Broker, Topology
from angarium.platform.loop import Loop
from angarium.platform.telemetry.logging import Logger


class TopologyKeeper(Loop):
    """Until the topology is declared the gateway is not ready, but it accepts notifications into the outbox."""

    name = "topology"
    pause = 5.0
    longest_back_off = 1.0

    def __init__(self, *, broker: Broker, topology: Topology, logger: Logger) -> None:
        super().__init__()
        self._broker = broker
        self._topology = topology
        self._logger = logger

    async def once(self) -> bool:
        """Declare the topology unless it is declared. Raises Transient if the broker is unavailable."""
        if not await self._broker.ready():
            await self._broker.declare(self._topology)
            self._logger.info("broker.declared")
        return False
