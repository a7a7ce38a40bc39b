"""Chooses the broker's adapter by its URL."""

from contextlib import AsyncExitStack

from angarium.contracts.errors import SettingsError
from angarium.platform.broker.memory.broker import MemoryBroker
from angarium.platform.broker.port import Broker
from angarium.platform.broker.tracing import TracedBroker
from angarium.platform.extras import extra_for
from angarium.platform.runtime import Runtime


def open_broker(url: str, runtime: Runtime, stack: AsyncExitStack) -> Broker:
    """Open the broker at `url`: `memory://` or `amqp(s)://…` (nodes separated by commas). Closed with `stack`.

    No I/O happens here. Raises SettingsError.
    """
    broker = _broker(url, runtime)
    stack.push_async_callback(broker.close)
    if runtime.tracing is not None:
        return TracedBroker(broker, runtime.tracing, system="memory" if url.startswith("memory://") else "rabbitmq")
    return broker


def _broker(url: str, runtime: Runtime) -> Broker:
    if url.startswith("memory://"):
        return MemoryBroker(runtime.clock)
    if url.startswith(("amqp://", "amqps://")):
        with extra_for("ANGARIUM_BROKER_URL"):
            from angarium.platform.broker.rabbitmq.broker import RabbitMQBroker  # noqa: PLC0415 - an extra

        return RabbitMQBroker(url, clock=runtime.clock, logger=runtime.logger)
    raise SettingsError("ANGARIUM_BROKER_URL: must be memory:// or amqp(s)://user:password@host:port/vhost")
