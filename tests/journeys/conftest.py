"""One running system per form. The same journeys run unchanged on every form.

`embedded-plain` is the embedded form without its fast paths (docs/fast-paths.md). It skips the journeys of BY_COMMANDS,
which spend most of their time starting commands. `embedded-worker` is the embedded form with a second process that
delivers. It runs the journeys of BY_WORKERS, in which a worker does most of the work. `mariadb` is the distributed form
with its databases on MariaDB. It runs only the journeys of ON_MARIADB, which depend most on the database. With
`--journeys=all` (`make journeys`) every form runs all journeys.
"""

from collections.abc import AsyncIterator, Iterator, Mapping

import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.servers import MariaDB, PostgreSQL, RabbitMQ, Redis
from tests.support.system import DistributedSystem, EmbeddedSystem, System, running
from tests.support.twilio_sink import TwilioSink
from tests.support.worker_system import EmbeddedWithWorker


@pytest.fixture(scope="package")
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as sink:
        yield sink


@pytest.fixture(scope="package")
def twilio() -> Iterator[TwilioSink]:
    """The second SMS provider, which sends while the breaker of the first one is open."""
    with TwilioSink() as sink:
        yield sink


EMBEDDED: Mapping[str, type[EmbeddedSystem]] = {
    "embedded": EmbeddedSystem,
    "embedded-plain": EmbeddedSystem,
    "embedded-worker": EmbeddedWithWorker,
}
OWN_SETTINGS: Mapping[str, Mapping[str, str]] = {"embedded-plain": {"FAST_PATHS": "off"}}


ON_MARIADB = frozenset({"test_fallback", "test_idempotency", "test_lists"})


BY_WORKERS = frozenset(
    {
        "test_delivery",
        "test_failures",
        "test_preferences",
    }
)


BY_COMMANDS = frozenset({"test_command_line", "test_template_files", "test_user_files"})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the journeys that a form does not run."""
    if config.getoption("--journeys") == "all":
        return
    left_out = {item for item in items if _is_left_out(item)}
    config.hook.pytest_deselected(items=list(left_out))
    items[:] = [item for item in items if item not in left_out]


def _is_left_out(item: pytest.Item) -> bool:
    called = getattr(item, "callspec", None)
    form = str(called.params.get("shared_system")) if called is not None else ""
    journey = item.path.stem
    if form == "embedded-plain":
        return journey in BY_COMMANDS
    return journey not in {"embedded-worker": BY_WORKERS, "mariadb": ON_MARIADB}.get(form, {journey})


SERVED = [pytest.param(form, marks=pytest.mark.distributed) for form in ("distributed", "mariadb")]


@pytest.fixture(scope="package", params=[*EMBEDDED, *SERVED])
def shared_system(
    request: pytest.FixtureRequest, sink: SmtpSink, twilio: TwilioSink, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[System]:
    folder = tmp_path_factory.mktemp(request.param)
    settings = {"SMS_PROVIDERS": f"mailbox://,{twilio.url}", **OWN_SETTINGS.get(request.param, {})}
    if request.param in EMBEDDED:
        with running(EMBEDDED[request.param](folder, sink=sink, settings=settings)) as system:
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
    """The system, with a client in the event loop of the test."""
    async with shared_system.connected():
        yield shared_system
