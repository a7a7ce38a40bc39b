"""A peer as a system under measurement: its API under uvicorn, its worker by the command its documentation gives."""

import os
from collections.abc import Mapping, Sequence
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


class Peer(System):
    """`module` has the app factory `app`; `work` are the worker's arguments after `python -m`."""

    def __init__(
        self,
        folder: Path,
        *,
        sink_port: int,
        servers: Servers,
        name: str,
        title: str,
        module: str,
        work: Sequence[str],
        queue: str,
    ) -> None:
        super().__init__(folder)
        self.name, self.title = name, title
        self._module, self._work, self._queue = module, work, queue
        self._servers, self._vhost, self._port = servers, servers.vhost(), free_port()
        self._variables = {
            "PEER_DATABASE_URL": servers.database(),
            "PEER_BROKER_URL": self._vhost,
            "PEER_SMTP_PORT": str(sink_port),
            "PYTHONPATH": str(ROOT),
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(folder),
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


def naive(folder: Path, *, sink_port: int, servers: Servers) -> Peer:
    """FastAPI, SQLAlchemy and aio-pika, nothing kept or batched."""
    return Peer(
        folder,
        sink_port=sink_port,
        servers=servers,
        name="naive",
        title="FastAPI + SQLAlchemy + aio-pika",
        module="benchmarks.peers.naive",
        work=["benchmarks.peers.naive"],
        queue="naive",
    )
