"""Declares the broker's topology, however long the broker takes to be there."""

from angarium.contracts.errors import Transient
from angarium.platform.broker.port import Broker, Topology
from angarium.platform.clock import Clock
from angarium.platform.telemetry.logging import Logger

RETRY_PAUSE = 1.0
WATCH_PAUSE = 5.0


class TopologyKeeper:
    """Until the declaration succeeded the gateway is not ready; it accepts all the same, into the outbox."""

    def __init__(self, *, broker: Broker, topology: Topology, clock: Clock, logger: Logger) -> None:
        self._broker = broker
        self._topology = topology
        self._clock = clock
        self._logger = logger
        self._told = False

    async def run(self) -> None:
        """Keep the topology declared for ever."""
        while True:
            await self._clock.sleep(WATCH_PAUSE if await self.declare_once() else RETRY_PAUSE)

    async def declare_once(self) -> bool:
        """Declare unless it stands already; whether it stands now."""
        if await self._broker.ready():
            return True
        try:
            await self._broker.declare(self._topology)
        except Transient as error:
            if not self._told:
                self._logger.warning("broker.away", error=type(error).__name__)
            self._told = True
            return False
        self._told = False
        self._logger.info("broker.declared")
        return True
