"""Runs the three, on private servers, and writes what came out to `benchmarks/results/scale.md`."""

import argparse
import asyncio
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

from angarium.testing.smtp.sink import SmtpSink
from benchmarks.resident import Load, Sink
from benchmarks.scale.crowd import crowd
from benchmarks.scale.fairness import fairness
from benchmarks.scale.search import search
from benchmarks.servers import Servers, private_servers
from tests.support.system import DistributedSystem, running

RESULTS = Path(__file__).parents[1] / "results" / "scale.md"
SPARE_FILES = 500
_TEXT = """# Scale

Made by `make scale`, on private servers of one machine, clients included.

- **{many[connections]:,} connections at once**, each sending one notification: all 202, all delivered, none twice; p50
  {many[p50_ms]:.0f} ms, p99 {many[p99_ms]:.0f} ms, {many[rate]:.0f} a second.
- **One tenant queues {fair[queued]:,}**, then another sends ten urgent and ten normal ones: from acceptance to sent
  p95 {fair[urgent_p95_s]:.2f} s and {fair[normal_p95_s]:.2f} s, while {fair[left_after]:,} of the first's still wait.
- **Searches over {rows:,} notifications**, pages of 50:

| search | first page, ms | deep page, ms | by |
|---|---:|---:|---|
{table}
"""


def main() -> None:
    """All three; an AssertionError ends it where one does not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--queued", type=int, default=50_000)
    parser.add_argument("--rows", type=int, default=1_000_000)
    asked = parser.parse_args()
    _may_open(asked.connections + SPARE_FILES)
    figures: dict[str, Mapping[str, Any]] = {}
    with private_servers() as (folder, servers):
        with Sink() as sink, Load() as load, running(_system(folder / "system", servers, sink)) as system:
            template = asyncio.run(_template(system))
            figures["connections"] = _shown("connections", crowd(system, load, sink, template, asked.connections))
            figures["fairness"] = _shown("fairness", fairness(system, load, sink, template, asked.queued))
        for name, found in search(servers.database(), asked.rows).items():
            figures[f"search: {name}"] = _shown(name, found)
    RESULTS.write_text(_page(figures, asked.rows), encoding="utf-8")


def _may_open(files: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        sys.exit(f"needs {files} open files, and may have {hard}: raise `ulimit -Hn`")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(files, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), hard))


def _system(folder: Path, servers: Servers, sink: Sink) -> DistributedSystem:
    settings = {"EMAIL_PROVIDERS": f"smtp://127.0.0.1:{sink.port}?tls=off&pool=16", "RATE_LIMIT": "off"}
    return DistributedSystem(
        folder,
        sink=SmtpSink(),
        postgresql=servers.postgresql,
        rabbitmq=servers.rabbitmq,
        redis=servers.redis,
        settings=settings | {"LOG_LEVEL": "warning"},
    )


async def _template(system: DistributedSystem) -> str:
    async with httpx2.AsyncClient(base_url=system.url, headers=system.headers, trust_env=False) as client:
        body = {"code": "scale", "subject": "Hello", "content": "<p>{{ name }}</p>"}
        answer = await client.post("/api/v1/templates", json=body)
        answer.raise_for_status()
    return "scale"


def _shown(name: str, figures: Mapping[str, Any]) -> Mapping[str, Any]:
    print(name, {key: round(value, 3) if isinstance(value, float) else value for key, value in figures.items()})
    return figures


def _page(figures: Mapping[str, Mapping[str, Any]], rows: int) -> str:
    """The figures as a page."""
    found = {name.removeprefix("search: "): f for name, f in figures.items() if name.startswith("search: ")}
    many, fair = figures["connections"], figures["fairness"]
    return _TEXT.format(
        many=many,
        fair=fair,
        rows=rows,
        table="\n".join(
            f"| {name} | {f['first_ms']:.1f} | {f['deep_ms']:.1f} | {', '.join(f['indexes'])} |"
            for name, f in found.items()
        ),
    )


if __name__ == "__main__":
    main()
