"""What keeps a connection or a subscription goes on after an error that nothing expects."""

import asyncio
import io
from datetime import timedelta

from aiormq import Connection

from angarium.platform.broker.rabbitmq.connection import AmqpConnection, Link
from angarium.platform.broker.rabbitmq.consume import RabbitMQConsumer
from angarium.platform.clock import SystemClock
from angarium.platform.telemetry.logging import make_logger
from tests.support.wait import until


async def _nothing() -> None:
    return None


class _OddLink(Link):
    """A link that fails in ways that its port does not know."""

    def __init__(self, log: io.StringIO, error: BaseException) -> None:
        logger = make_logger("tests", format="json", stream=log)
        super().__init__(["amqp://nowhere"], name="tests", clock=SystemClock(), logger=logger)
        self.asked = 0
        self.error = error

    async def connect(self) -> AmqpConnection:
        self.asked += 1
        raise self.error

    async def connected(self) -> AmqpConnection:
        return await self.connect()


async def test_a_link_reports_an_error_that_nothing_expects_and_tries_again() -> None:
    for error in (RuntimeError("odd"), asyncio.CancelledError("the library's own")):
        log = io.StringIO()
        link = _OddLink(log, error)
        link.keep()
        await until(lambda link=link: link.asked > 2)  # type: ignore[misc]
        assert "broker.link_failed" in log.getvalue()
        assert "Traceback" in log.getvalue()
        async with asyncio.timeout(1):
            await link.close()


async def test_a_consumer_reports_an_error_that_nothing_expects_and_subscribes_again() -> None:
    for error in (RuntimeError("odd"), asyncio.CancelledError("the library's own")):
        log = io.StringIO()
        link = _OddLink(log, error)
        consumer = RabbitMQConsumer(
            link,
            "email",
            prefetch=1,
            clock=SystemClock(),
            logger=make_logger("tests", format="json", stream=log),
            idle_check=timedelta(seconds=1),
            heal=_nothing,
        )
        await until(lambda link=link: link.asked > 1)  # type: ignore[misc]
        assert "broker.consumer_failed" in log.getvalue()
        async with asyncio.timeout(1):
            await consumer.close()


async def test_an_unexpected_error_in_prepare_reconnects() -> None:
    prepared = 0

    async def prepare(_: Connection) -> None:
        nonlocal prepared
        prepared += 1
        raise KeyError("odd")

    class _Dialled(AmqpConnection):
        async def dial(self) -> None:
            return None

        async def hang_up(self) -> None:
            return None

    log = io.StringIO()
    logger = make_logger("tests", format="json", stream=log)
    link = Link(["amqp://nowhere"], name="tests", clock=SystemClock(), logger=logger, prepare=prepare)
    link._dial = lambda: link._establish(_Dialled("amqp://nowhere", "tests", logger))  # type: ignore[method-assign]
    link.keep()
    await until(lambda: prepared > 1)
    assert "broker.link_failed" in log.getvalue()
    await link.close()
