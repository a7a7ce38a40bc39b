"""Angarium in its two forms, with default settings except for the rate limit that the load would exceed."""

import os
import secrets
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2

from benchmarks.body import CHOICE, NUMBER, STAMP
from benchmarks.servers import Servers
from benchmarks.system import System, Target
from tests.support.servers.ports import free_port
from tests.support.servers.process import Process

USERS = 1000
TEMPLATE = {
    "code": "bench",
    "subject": "Your order {{ number }} is on its way, {{ stamp }}",
    "content": (
        "<h1>Hello {{ name }}</h1><p>Your order <b>{{ number }}</b> left us today.</p><p>It comes to {{ city }}.</p>"
    ),
}
ITEM = (
    f'{{"notification_type":"email","user_id":"{CHOICE}","template_code":"bench","request_id":"order-{NUMBER}",'
    f'"variables":{{"name":"Ada Lovelace","number":"{NUMBER}","city":"London","stamp":"{STAMP}"}}}}'
)
_ANGARIUM = str(Path(sys.executable).with_name("angarium"))


class _Angarium(System):
    """The base of both forms. `source`: the `src` folder of another working copy, to compare two versions."""

    gateway = ""
    template: Mapping[str, str] = TEMPLATE

    def __init__(
        self, folder: Path, *, sink_port: int, source: str | None = None, settings: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(folder)
        self._source = {"PYTHONPATH": source} if source else {}
        self.key = f"ang_live_{secrets.token_hex(20)}"
        self._ports = {name: free_port() for name in self.commands}
        self._users: list[str] = []
        self._settings = {
            "API_KEY": self.key,
            "SERVICE_TOKEN": secrets.token_hex(20),
            "DATA_DIR": str(folder / "data"),
            "MAILBOX_SMTP_PORT": "0",
            "EMAIL_PROVIDERS": f"smtp://127.0.0.1:{sink_port}?tls=off&pool=16",
            "EMAIL_FROM": "Shop <notify@angarium.example>",
            "LOG_FORMAT": "json",
            "RATE_LIMIT": "1000000/second",
            **(settings or {}),
        }

    @property
    @abstractmethod
    def commands(self) -> Mapping[str, Sequence[str]]:
        """The arguments of each process."""

    @property
    def item(self) -> str:
        """The body of a request."""
        return ITEM

    @property
    def url(self) -> str:
        return self._address(self.gateway)

    @property
    def target(self) -> Target:
        path = "/api/v1/notifications"
        port = self._ports[self.gateway]
        return Target(port, path, {"X-API-Key": self.key}, self.item, self._users, f"{path}/bulk")

    def start(self) -> None:
        for name in self.commands:
            self._start(name)
        for name in self.commands:
            self._wait_for(name, f"{self._address(name)}/ready")
        with httpx2.Client(base_url=self.url, headers={"X-API-Key": self.key}, timeout=30, trust_env=False) as client:
            client.post("/api/v1/templates", json=self.template).raise_for_status()
            with ThreadPoolExecutor(8) as pool:
                self._users = list(pool.map(lambda number: _create_user(client, self.person(number)), range(USERS)))

    def person(self, number: int) -> Mapping[str, str]:
        """The fields with which a user is created."""
        return {"name": f"User {number}", "email": f"user{number}@example.com"}

    def _start(self, name: str) -> None:
        self._launch(name, [_ANGARIUM, *self.commands[name]], self._environment(PORT=str(self._ports[name])))

    def _environment(self, **more: str) -> Mapping[str, str]:
        variables = {f"ANGARIUM_{name}": value for name, value in {**self._settings, **more}.items()}
        return {**variables, **self._source, "PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder)}

    def _address(self, name: str) -> str:
        return f"http://127.0.0.1:{self._ports[name]}"


def _create_user(client: httpx2.Client, person: Mapping[str, str]) -> str:
    answer = client.post("/api/v1/users", json=person)
    answer.raise_for_status()
    user_id: str = answer.json()["data"]["user_id"]
    return user_id


class Embedded(_Angarium):
    """`angarium up`: SQLite files and one process, plus `workers` processes that deliver."""

    name = "embedded"
    title = "Angarium, embedded"
    end_to_end = 12_000
    has_worker = False
    gateway = "angarium"

    def __init__(self, folder: Path, *, sink_port: int, source: str | None = None, workers: int = 0) -> None:
        self._up = ("up", "--workers", str(workers)) if workers else ("up",)
        super().__init__(folder, sink_port=sink_port, source=source)

    @property
    def commands(self) -> Mapping[str, Sequence[str]]:
        return {"angarium": self._up}

    def start_worker(self) -> None:
        """Do nothing: the single process delivers as long as it runs."""

    def stop_worker(self) -> None:
        """Do nothing, as above."""


class Distributed(_Angarium):
    """Gateway, users, templates and one email worker, each in its own process."""

    name = "angarium"
    title = "Angarium"
    end_to_end = 8_000
    has_extremes = True
    gateway = "gateway"

    def __init__(
        self,
        folder: Path,
        *,
        sink_port: int,
        servers: Servers,
        source: str | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, sink_port=sink_port, source=source, settings=settings)
        self._settings |= {
            f"{name}_DATABASE_URL": servers.database() for name in ("NOTIFICATIONS", "USERS", "TEMPLATES")
        }
        self._settings |= {"BROKER_URL": servers.vhost(), "CACHE_URL": servers.redis.url}
        self._settings |= {f"{name.upper()}_URL": self._address(name) for name in ("gateway", "users", "templates")}

    @property
    def commands(self) -> Mapping[str, Sequence[str]]:
        services = {name: ("serve", name) for name in ("gateway", "users", "templates")}
        return {**services, "email": ("work", "email")}

    def start(self) -> None:
        Process([_ANGARIUM, "migrate"], environment=self._environment(), log=self.folder / "migrate.log").wait()
        super().start()

    @property
    def settings(self) -> Mapping[str, str]:
        """The settings of all processes, without the prefix."""
        return self._settings

    @property
    def notifications_database(self) -> str:
        """The URL of the notification database."""
        return self._settings["NOTIFICATIONS_DATABASE_URL"]

    def start_worker(self) -> None:
        self._start("email")

    def stop_worker(self) -> None:
        self._processes["email"].terminate()

    def add_worker(self) -> None:
        port = str(free_port())
        self._launch("email-2", [_ANGARIUM, "work", "email"], self._environment(PORT=port))
        self._wait_for("email-2", f"http://127.0.0.1:{port}/ready")

    def remove_worker(self) -> None:
        self._processes.pop("email-2").terminate()
