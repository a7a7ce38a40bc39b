"""Declares the broker's topology, however long the broker takes to be there."""

from angarium.platform.broker.port import Broker, Topology
from angarium.platform.loop import Loop
from angarium.platform.telemetry.logging import Logger


class TopologyKeeper(Loop):
    """Until the declaration succeeded the gateway is not ready; it accepts all the same, into the outbox."""

    name = "topology"
    pause = 5.0
    longest_back_off = 1.0

    def __init__(self, *, broker: Broker, topology: Topology, logger: Logger) -> None:
        super().__init__()
        self._broker = broker
        self._topology = topology
        self._logger = logger

    async def once(self) -> bool:
        """Declare the topology unless it is declared. Raises Transient when the broker does not answer."""
        if not await self._broker.ready():
            await self._broker.declare(self._topology)
            self._logger.info("broker.declared")
        return False
