"""Chooses the broker's adapter by its URL."""

from angarium.contracts.errors import SettingsError
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Broker
from angarium.platform.clock import Clock
from angarium.platform.extras import extra_for
from angarium.platform.telemetry.logging import Logger


def open_broker(url: str, *, clock: Clock, logger: Logger) -> Broker:
    """The broker behind `url`: `memory://`, or `amqp(s)://…` (several nodes by comma). No I/O happens here.

    Raises SettingsError.
    """
    if url.startswith("memory://"):
        return MemoryBroker(clock)
    if url.startswith(("amqp://", "amqps://")):
        with extra_for("ANGARIUM_BROKER_URL"):
            from angarium.platform.broker.rabbitmq.broker import RabbitMQBroker  # noqa: PLC0415 - an extra

        return RabbitMQBroker(url, clock=clock, logger=logger)
    raise SettingsError("ANGARIUM_BROKER_URL: must be memory:// or amqp(s)://user:password@host:port/vhost")
