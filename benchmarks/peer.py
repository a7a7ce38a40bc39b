"""A peer as a measured system: its API runs under uvicorn, its worker with the command from its documentation."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.body import NUMBER, STAMP
from benchmarks.resident import ROOT
from benchmarks.servers import Servers
from benchmarks.system import System, Target
from tests.support.servers.ports import free_port

PYTHON = ROOT / ".venv-bench" / "bin" / "python"
_ITEM = (
    f'{{"request_id":"order-{NUMBER}","email":"user{NUMBER}@example.com",'
    f'"variables":{{"name":"Ada Lovelace","number":"{NUMBER}","city":"London","stamp":"{STAMP}"}}}}'
)


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a peer is run."""

    title: str
    module: str
    work: Sequence[str]
    queue: str
    variables: Mapping[str, str] = field(default_factory=dict)


_CELERY = ("celery", "-A", "benchmarks.peers.with_celery:celery", "worker", "--loglevel=WARNING")
_QUIET = ("--without-gossip", "--without-mingle")
_DRAMATIQ = ("dramatiq", "benchmarks.peers.with_dramatiq", "--processes", "2", "--threads", "8")
_TASKIQ = ("taskiq", "worker", "benchmarks.peers.with_taskiq:broker", "--workers", "2", "--log-level", "WARNING")
RECIPES: Mapping[str, Recipe] = {
    "naive": Recipe("FastAPI + SQLAlchemy + aio-pika", "benchmarks.peers.naive", ("benchmarks.peers.naive",), "naive"),
    "celery": Recipe("FastAPI + Celery", "benchmarks.peers.with_celery", (*_CELERY, *_QUIET), "celery"),
    "celery-prefetch-1": Recipe(
        "FastAPI + Celery, prefetch 1",
        "benchmarks.peers.with_celery",
        (*_CELERY, *_QUIET),
        "celery",
        {"PEER_PREFETCH": "1"},
    ),
    "dramatiq": Recipe("FastAPI + Dramatiq", "benchmarks.peers.with_dramatiq", _DRAMATIQ, "default"),
    "taskiq": Recipe("FastAPI + Taskiq", "benchmarks.peers.with_taskiq", _TASKIQ, "taskiq"),
}


class Peer(System):
    """A peer run by its recipe. `module` has the app factory `app`; `work` is the worker's arguments of `python -m`."""

    def __init__(self, folder: Path, *, sink_port: int, servers: Servers, name: str) -> None:
        super().__init__(folder)
        recipe = RECIPES[name]
        self.name, self.title = name, recipe.title
        self._module, self._work, self._queue = recipe.module, recipe.work, recipe.queue
        self._servers, self._vhost, self._port = servers, servers.vhost(), free_port()
        self._variables = {
            "PEER_DATABASE_URL": servers.database(),
            "PEER_BROKER_URL": self._vhost,
            "PEER_SMTP_PORT": str(sink_port),
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
            **recipe.variables,
        }

    @property
    def target(self) -> Target:
        return Target(self._port, "/notifications", {}, _ITEM)

    def start(self) -> None:
        uvicorn = ["-m", "uvicorn", "--factory", f"{self._module}:app", "--no-access-log", "--log-level", "warning"]
        self._launch("api", [str(PYTHON), *uvicorn, "--port", str(self._port)], self._environment())
        self._wait_for("api", f"http://127.0.0.1:{self._port}/ready")
        self.start_worker()

    def start_worker(self) -> None:
        self._launch("worker", [str(PYTHON), "-m", *self._work], self._environment())

    def stop_worker(self) -> None:
        self._processes["worker"].terminate()

    def forget_waiting(self) -> None:
        self._servers.purge(self._vhost, self._queue)

    def _environment(self) -> Mapping[str, str]:
        return self._variables
