"""The whole system as real processes on real ports, in its two forms, for tests through its public interfaces."""

import asyncio
import os
import secrets
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar, TypeVar

import httpx2

from angarium.contracts.statuses import Channel
from angarium.testing.smtp.sink import SmtpSink
from tests.support.servers import MariaDB, PostgreSQL, RabbitMQ, Redis
from tests.support.servers.ports import free_port
from tests.support.servers.process import Process
from tests.support.system_verbs import Verbs
from tests.support.wait import until

ANGARIUM = Path(sys.executable).with_name("angarium")
READY_WITHIN = 40.0
STOPS_WITHIN = 30.0  # seconds; the documented limit after SIGTERM
_INHERITED = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
RETRY_DELAYS = "100ms,200ms,400ms"


class System(Verbs):
    """Starts, stops, kills and calls the processes. `settings` are variables without their prefix.

    It is independent of event loops, so many tests can share it; each one opens its own client (`connected`).
    """

    form: ClassVar[str]
    parts: ClassVar[Mapping[str, Sequence[str]]]
    """The arguments of each process. The first process is the one that clients call."""
    worker: ClassVar[str]
    """The process that sends mail."""
    scheme: ClassVar[str] = "http"
    launcher: Sequence[str] = (str(ANGARIUM),)
    """The command that starts a process, without its arguments."""

    def __init__(self, folder: Path, *, sink: SmtpSink, settings: Mapping[str, str] | None = None) -> None:
        key = f"ang_live_{secrets.token_hex(20)}"
        self.commands = dict(self.parts)
        self.sink = sink
        self.folder = folder
        self.data_dir = folder / "data"
        self.ports = {name: free_port() for name in self.commands}
        self._settings = {
            "API_KEY": key,
            "SERVICE_TOKEN": secrets.token_hex(20),
            "DATA_DIR": str(self.data_dir),
            "MAILBOX_SMTP_PORT": "0",
            "EMAIL_PROVIDERS": sink.url,
            "WEBHOOK_PROVIDERS": "http://",
            "CALLBACK_ALLOW": "127.0.0.0/8",
            "EMAIL_FROM": "Angarium <notify@angarium.example>",
            "LOG_FORMAT": "json",
            "RETRY_DELAYS": RETRY_DELAYS,
            **(settings or {}),
        }
        self.crash_at: str | None = None
        """The crash point of processes started from now on."""
        self.environment: dict[str, str] = {}
        """Further environment variables of processes started from now on."""
        self.own_settings: dict[str, Mapping[str, str]] = {}
        """Additional settings by process, for processes started from now on."""
        self._processes: dict[str, Process] = {}
        folder.mkdir(parents=True, exist_ok=True)
        super().__init__(self.address(next(iter(self.commands))), key)

    def migrate(self) -> None:
        """Migrate the databases. The embedded form does this when its process starts."""

    def address(self, name: str) -> str:
        """The base URL of a process."""
        return f"{self.scheme}://127.0.0.1:{self.ports[name]}"

    def log(self, name: str) -> Path:
        """The log file of a process, with all of its starts."""
        return self.folder / f"{name}.log"

    def logs(self) -> str:
        """The logs of all processes."""
        return "\n".join(
            self.log(name).read_text(errors="replace") for name in self.commands if self.log(name).exists()
        )

    def start_now(self) -> None:
        """Start all processes that do not run. Return once they are ready."""
        for name in self.commands:
            self.launch(name)
        self._wait_until_ready(list(self.commands))

    def stop_now(self) -> None:
        """Send SIGTERM to all processes. AssertionError if one does not exit with status 0 within 30 s."""
        ends = {name: self._terminate(name) for name in self.commands if self._running(name)}
        assert all(code == 0 for code in ends.values()), f"exit codes {ends}: {self.folder}"

    def kill_everything(self) -> None:
        """Kill all running processes."""
        for process in self._processes.values():
            process.thaw()
            process.kill()

    async def start(self, *names: str) -> None:
        """Start these processes, by default all, whatever happened to them before. Return once they are ready."""
        for name in names or tuple(self.commands):
            self.launch(name)
        await asyncio.to_thread(self._wait_until_ready, list(names or self.commands))

    async def stop(self, *names: str) -> None:
        """Send SIGTERM to one after the other. AssertionError if one does not exit with status 0 within 30 s."""
        for name in names or tuple(self.commands):
            code = await asyncio.to_thread(self._terminate, name)
            assert code == 0, f"{name} ended with {code}: {self.tail(name)}"

    async def kill(self, name: str) -> None:
        """`kill -9`."""
        await asyncio.to_thread(self._processes[name].kill)

    async def restart(self, name: str) -> None:
        """Start a process that was killed or stopped. Return once it is ready."""
        await self.start(name)

    @property
    def service_headers(self) -> Mapping[str, str]:
        """The headers of a call between services for the default tenant."""
        return {"X-Service-Token": self._settings["SERVICE_TOKEN"], "X-Angarium-Tenant": "default"}

    def copy(self, name: str, settings: Mapping[str, str] | None = None) -> str:
        """Add another process like `name` with additional `settings`, not yet started. Return its name."""
        another = f"{name}-{len(self.commands)}"
        self.commands[another] = self.commands[name]
        self.own_settings[another] = dict(settings or {})
        self.ports[another] = free_port()
        return another

    async def ended(self, name: str) -> int | None:
        """Wait until a process ends by itself, and return its exit status."""
        process = self._processes[name]
        await until(lambda: not process.running, 30, message=f"{name} ends")
        status = process.returncode
        await self.kill(name)  # closes its log
        return status

    def forget(self, name: str) -> None:
        """Kill a `copy`."""
        del self.commands[name]
        process = self._processes.pop(name, None)
        if process is not None:
            process.thaw()
            process.kill()

    def process_id(self, name: str) -> int:
        """The process id of a started process."""
        return self._processes[name].pid

    def freeze(self, name: str) -> None:
        """SIGSTOP."""
        self._processes[name].freeze()

    def thaw(self, name: str) -> None:
        """SIGCONT."""
        self._processes[name].thaw()

    def tail(self, name: str, size: int = 4000) -> str:
        """The last `size` characters of a process's log, or all with 0."""
        return self.log(name).read_text(errors="replace")[-size:] if self.log(name).exists() else ""

    def _running(self, name: str) -> bool:
        return name in self._processes and self._processes[name].running

    def launch(self, name: str) -> None:
        """Start a process if it does not run, without waiting until it is ready."""
        if self._running(name):
            return
        variables = {**self._settings, **self.own_settings.get(name, {}), "PORT": str(self.ports[name])}
        if self.crash_at is not None:
            variables["CRASH_AT"] = self.crash_at
        environment = {f"ANGARIUM_{variable}": value for variable, value in variables.items()}
        environment |= {**_INHERITED, **self.environment, "HOME": str(self.folder)}
        self._processes[name] = Process(
            [*self.launcher, *self.commands[name]], environment=environment, log=self.log(name)
        )

    def _terminate(self, name: str) -> int | None:
        process = self._processes[name]
        process.terminate(patience=STOPS_WITHIN)
        return process.returncode

    def _wait_until_ready(self, names: Sequence[str]) -> None:
        deadline = time.monotonic() + READY_WITHIN
        with httpx2.Client(timeout=5, trust_env=False, verify=self.trust) as client:
            for name in names:
                while not _ok(client, f"{self.address(name)}/ready", {}):
                    self._check(name, deadline)
            listing = f"{self.url}/api/v1/notifications?limit=1"
            while self._running(next(iter(self.commands))) and not _ok(client, listing, self.headers):
                self._check(next(iter(self.commands)), deadline)

    def _check(self, name: str, deadline: float) -> None:
        self._processes[name].check()
        if time.monotonic() > deadline:
            raise TimeoutError(f"{name} is not ready after {READY_WITHIN} s:\n{self.tail(name)}")
        time.sleep(0.05)


def _ok(client: httpx2.Client, url: str, headers: Mapping[str, str]) -> bool:
    try:
        return client.get(url, headers=dict(headers)).status_code == httpx2.codes.OK
    except httpx2.TransportError:
        return False


class EmbeddedSystem(System):
    """`angarium up`: everything in one process."""

    form = "embedded"

    parts: ClassVar[Mapping[str, Sequence[str]]] = {"angarium": ("up",)}
    worker = "angarium"


class DistributedSystem(System):
    """Seven processes with private servers, using new databases and a new virtual host.

    The databases are on `postgresql`, which may be a MariaDB.
    """

    form = "distributed"
    parts: ClassVar[Mapping[str, Sequence[str]]] = {
        "gateway": ("serve", "gateway"),
        "users": ("serve", "users"),
        "templates": ("serve", "templates"),
        **{channel.value: ("work", channel.value) for channel in Channel},
    }
    worker = "email"

    def __init__(
        self,
        folder: Path,
        *,
        sink: SmtpSink,
        postgresql: PostgreSQL | MariaDB,
        rabbitmq: RabbitMQ,
        redis: Redis,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, sink=sink, settings=settings)
        self.postgresql, self.rabbitmq, self.redis = postgresql, rabbitmq, redis
        self.vhost = asyncio.run(rabbitmq.create_vhost())
        self.databases = {
            name: asyncio.run(postgresql.create_database()) for name in ("NOTIFICATIONS", "USERS", "TEMPLATES")
        }
        urls = {
            "BROKER_URL": self.vhost,
            "CACHE_URL": redis.url,
            **{f"{name}_DATABASE_URL": url for name, url in self.databases.items()},
            **{f"{name.upper()}_URL": self.address(name) for name in ("gateway", "users", "templates")},
        }
        self._settings = {**self._settings, **{name: url for name, url in urls.items() if name not in (settings or {})}}

    def migrate(self) -> None:
        environment = {f"ANGARIUM_{variable}": value for variable, value in self._settings.items()}
        environment |= _INHERITED
        Process([str(ANGARIUM), "migrate"], environment=environment, log=self.folder / "migrate.log").wait()

    async def revive(self) -> None:
        """Thaw frozen processes and servers, start those that do not run, and end copies."""
        for name in set(self.commands) - set(self.parts):
            self.forget(name)
        self.own_settings.clear()
        for process in self._processes.values():
            process.thaw()
        for server in (self.postgresql, self.rabbitmq, self.redis):
            await server.start()
        await self.redis.recover()
        await self.start()

    async def queue(self, name: str) -> tuple[int, int]:
        """The number of ready and of unacknowledged messages in a queue."""
        vhost = self.vhost.rpartition("/")[2]
        lines = await self.rabbitmq.ctl(
            "list_queues", "-p", vhost, "--no-table-headers", "name", "messages_ready", "messages_unacknowledged"
        )
        rows = [line.split() for line in lines.splitlines()]
        return next((int(ready), int(taken)) for found, ready, taken in rows if found == name)


SystemT = TypeVar("SystemT", bound=System)


@contextmanager
def running(system: SystemT) -> Iterator[SystemT]:
    """A ready system with migrated databases. At the end it must stop cleanly; otherwise the test has an error."""
    try:
        system.migrate()
        system.start_now()
        yield system
        system.stop_now()
    finally:
        system.kill_everything()
