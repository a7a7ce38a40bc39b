"""One running system of each form for all journeys: the same journeys, unchanged, over each.

`embedded-plain` is the embedded form without its fast paths (docs/fast-paths.md). `mariadb` is the distributed form
with its databases on MariaDB: it runs the journeys of ON_MARIADB, which depend on the database most, and all of them
with `--journeys=all` (`make journeys`).
"""

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.servers import MariaDB, PostgreSQL, RabbitMQ, Redis
from tests.support.system import DistributedSystem, EmbeddedSystem, System, running
from tests.support.twilio_sink import TwilioSink


@pytest.fixture(scope="package")
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture(scope="package")
def twilio() -> Iterator[TwilioSink]:
    """The second provider of SMS, which sends while the first one's breaker is open."""
    with TwilioSink() as sink:
        yield sink


EMBEDDED: Mapping[str, Mapping[str, str]] = {"embedded": {}, "embedded-plain": {"FAST_PATHS": "off"}}


ON_MARIADB = frozenset({"test_fallback", "test_idempotency", "test_lists"})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the journeys over MariaDB that are not wanted."""
    if config.getoption("--journeys") == "all":
        return
    left_out = [item for item in items if _is_over_mariadb(item) and item.path.stem not in ON_MARIADB]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in set(left_out)]


def _is_over_mariadb(item: pytest.Item) -> bool:
    called = getattr(item, "callspec", None)
    return called is not None and called.params.get("shared_system") == "mariadb"


SERVED = [pytest.param(form, marks=pytest.mark.distributed) for form in ("distributed", "mariadb")]


@pytest.fixture(scope="package", params=[*EMBEDDED, *SERVED])
def shared_system(
    request: pytest.FixtureRequest, sink: SmtpSink, twilio: TwilioSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    folder = tmp_path_factory.mktemp(request.param)
    settings = {"SMS_PROVIDERS": f"mailbox://,{twilio.url}", **EMBEDDED.get(request.param, {})}
    if request.param in EMBEDDED:
        with running(EmbeddedSystem(folder, sink=sink, settings=settings)) as system:
            yield system
        return
    database: PostgreSQL | MariaDB = request.getfixturevalue("mariadb" if request.param == "mariadb" else "postgresql")
    rabbitmq: RabbitMQ = request.getfixturevalue("rabbitmq")
    redis: Redis = request.getfixturevalue("redis_server")
    for server in (database, rabbitmq, redis):
        server.start_now()
    with running(
        DistributedSystem(folder, sink=sink, postgresql=database, rabbitmq=rabbitmq, redis=redis, settings=settings)
    ) as distributed:
        yield distributed


@pytest.fixture
async def system(shared_system: System) -> AsyncIterator[System]:
    """The system, with a client in this test's event loop."""
    async with shared_system.connected():
        yield shared_system
