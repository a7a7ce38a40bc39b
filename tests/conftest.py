"""Fixtures that every test may use: private servers, started when the first test asks, ended with the run."""

import gc
import os
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.support.fault_options import FaultReport, add_options, selected
from tests.support.servers import MariaDB, MissingServer, MysqlService, PgBouncer, PostgreSQL, RabbitMQ, Redis, Server
from tests.support.system import System

ServerT = TypeVar("ServerT", bound=Server)
STARTED = pytest.StashKey[float]()


settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The default: a busy machine makes no example fail."""
settings.register_profile("fast", parent=settings.get_profile("patient"), max_examples=25)
"""A quarter of the usual examples, where a test states no number of its own: for `make test-fast`."""
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--journeys=all`: see tests/journeys/conftest.py.

    `--expected-seconds=N`: report at the end that the run took longer. It does not fail: the machine may be busy."""
    parser.addoption("--journeys", choices=["some", "all"], default="some", help="over MariaDB: some journeys, or all")
    parser.addoption("--expected-seconds", type=float, help="report a run that takes longer than this")
    add_options(parser)


def pytest_configure(config: pytest.Config) -> None:
    """End the run on SIGTERM as on Ctrl-C, so that servers and folders are cleaned up when a run is cancelled."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    config.stash[STARTED] = time.monotonic()
    if table := config.getoption("--fault-table"):
        config.pluginmanager.register(FaultReport(table))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With `--dist=loadfile`, keep the journeys of one form together too."""
    if config.getoption("dist") != "loadfile":
        return None
    from tests.support.scheduling import ByFileAndForm  # noqa: PLC0415 - only a parallel run has the package loaded

    return ByFileAndForm(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """With `--fault=N`, leave out the tests of other rows."""
    if rows := config.getoption("--fault"):
        items[:], others = selected(items, rows)
        config.hook.pytest_deselected(items=others)


def pytest_collection_finish() -> None:
    """Leave what was collected out of every later garbage collection: it stays until the end of the run."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Compare the duration with `--expected-seconds`."""
    expected, seconds = config.getoption("--expected-seconds"), time.monotonic() - config.stash[STARTED]
    if expected is not None and seconds > expected:
        terminalreporter.write_line(
            f"took {seconds:.0f} s; on two idle cores these tests take less than {expected:.0f} s: see --durations=30",
            yellow=True,
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show with a failure what the processes of its system wrote last."""
    report = yield
    for system in getattr(item, "funcargs", {}).values() if report.failed else ():
        if isinstance(system, System):
            report.sections += [(f"end of the log of {name}", system.tail(name)) for name in system.commands]
            break
    return report


@pytest.fixture(scope="session")
def volume(pytestconfig: pytest.Config) -> int:
    """How many notifications a fault test sends: few by default, 2,000 in `make faults`."""
    count: int = pytestconfig.getoption("--fault-volume")
    return count


@pytest.fixture(scope="session")
def servers_folder() -> Iterator[Path]:
    """Where the private servers keep their data; other accounts may pass through it."""
    with tempfile.TemporaryDirectory(prefix="angarium-tests-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o711)
        yield folder


@pytest.fixture(scope="session")
def postgresql(servers_folder: Path) -> Iterator[PostgreSQL]:
    """A private PostgreSQL for the whole run."""
    yield from _serve(PostgreSQL, servers_folder / "postgresql")


@pytest.fixture(scope="session")
def pgbouncer(servers_folder: Path, postgresql: PostgreSQL) -> Iterator[PgBouncer]:
    """A private PgBouncer in transaction mode before the private PostgreSQL, for the whole run."""
    yield from _serve(lambda folder: PgBouncer(folder, postgresql), servers_folder / "pgbouncer")


@pytest.fixture(scope="session")
def rabbitmq(servers_folder: Path) -> Iterator[RabbitMQ]:
    """A private RabbitMQ for the whole run."""
    yield from _serve(RabbitMQ, servers_folder / "rabbitmq")


@pytest.fixture(scope="session")
def redis_server(servers_folder: Path) -> Iterator[Redis]:
    """A private Redis for the whole run."""
    yield from _serve(Redis, servers_folder / "redis")


@pytest.fixture(scope="session")
def mariadb(servers_folder: Path) -> Iterator[MariaDB]:
    """A private MariaDB for the whole run, or the MySQL of the CI's service container."""
    service = os.environ.get("ANGARIUM_TEST_MYSQL")
    yield from _serve(MariaDB, servers_folder / "mariadb") if service is None else [MysqlService(service)]


@pytest.fixture
async def postgresql_url(postgresql: PostgreSQL) -> AsyncIterator[str]:
    """A new, empty PostgreSQL database, on a server that runs whatever the test before did to it."""
    await postgresql.start()
    url = await postgresql.create_database()
    yield url
    await postgresql.start()
    await postgresql.drop_database(url)


@pytest.fixture
async def mariadb_url(mariadb: MariaDB) -> AsyncIterator[str]:
    """A new, empty MariaDB database, on a server that runs whatever the test before did to it."""
    await mariadb.start()
    url = await mariadb.create_database()
    yield url
    await mariadb.start()
    await mariadb.drop_database(url)


@pytest.fixture
async def rabbitmq_url(rabbitmq: RabbitMQ) -> AsyncIterator[str]:
    """A new, empty virtual host, on a server that runs whatever the test before did to it."""
    await rabbitmq.start()
    url = await rabbitmq.create_vhost()
    yield url
    await rabbitmq.start()
    await rabbitmq.delete_vhost(url)


@pytest.fixture
async def redis_url(redis_server: Redis) -> str:
    """An empty Redis, that runs whatever the test before did to it."""
    await redis_server.start()
    await redis_server.flush()
    return redis_server.url


def _serve(kind: Callable[[Path], ServerT], folder: Path) -> Iterator[ServerT]:
    try:
        server = kind(folder)
    except MissingServer as missing:
        pytest.exit(str(missing), returncode=1)
    with server:
        yield server
