"""Runs each service as a separate process, using the local RabbitMQ, PostgreSQL and Redis, until Ctrl-C.

`ANGARIUM_` variables in the environment or in `.env` take precedence over the defaults here. Missing databases are
created, and all databases are migrated before the start.
"""

import asyncio
import os
import shlex
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import httpx2
from dotenv import dotenv_values

from angarium.cli.welcome import Place, welcome
from angarium.contracts.statuses import Channel
from angarium.platform.auth.development import development_api_key

_ANGARIUM = Path(sys.executable).with_name("angarium")
_DATABASES = ("NOTIFICATIONS", "USERS", "TEMPLATES")
_SERVICES = {
    "gateway": ("serve", "gateway"),
    "users": ("serve", "users"),
    "templates": ("serve", "templates"),
    **{channel.value: ("work", channel.value) for channel in Channel},
}
_STOP_WITHIN = 30.0  # seconds that a service has to finish running work
_READY_WITHIN = 60.0  # seconds


def _environment(given: Mapping[str, str]) -> dict[str, str]:
    databases = {
        f"ANGARIUM_{name}_DATABASE_URL": f"postgresql://postgres@localhost:5432/angarium_{name.lower()}"
        for name in _DATABASES
    }
    defaults = {
        **databases,
        "ANGARIUM_BROKER_URL": "amqp://guest:guest@localhost:5672/",
        "ANGARIUM_CACHE_URL": "redis://localhost:6379/0",
        "ANGARIUM_GATEWAY_URL": "http://localhost:8000",
        "ANGARIUM_TEMPLATES_URL": "http://localhost:8002",
    }
    file = {name: value for name, value in dotenv_values(".env").items() if value}
    chosen = {**file, **given}
    environment = {name: value for name, value in defaults.items() if f"{name}_FILE" not in chosen} | chosen
    if not environment.keys() & {"ANGARIUM_API_KEY", "ANGARIUM_API_KEY_FILE"}:
        folder = Path(environment.get("ANGARIUM_DATA_DIR", "angarium-data"))
        environment["ANGARIUM_API_KEY"] = development_api_key(folder)
    return environment


async def _create_database(url: str) -> None:
    """Create the database of `url` if it is PostgreSQL and missing."""
    parts = urlsplit(url)
    if parts.scheme != "postgresql":
        return
    name = parts.path.removeprefix("/")
    connection = await asyncpg.connect(urlunsplit(parts._replace(path="/postgres")), timeout=10)
    try:
        if not await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
            await connection.execute('CREATE DATABASE "{}"'.format(name.replace('"', '""')))
    finally:
        await connection.close()


async def _prepare(environment: Mapping[str, str]) -> None:
    for name in _DATABASES:
        variable = f"ANGARIUM_{name}_DATABASE_URL"
        if variable not in environment:
            continue  # given as a file: the database must be there
        try:
            await _create_database(environment[variable])
        except (OSError, asyncpg.PostgresError) as error:
            sys.exit(f"run-distributed: {variable}: the database cannot be reached or created: {error}")
    migration = await _start(("migrate",), environment)
    if await migration.wait():
        sys.exit("run-distributed: the migration failed")


async def _start(arguments: tuple[str, ...], environment: Mapping[str, str]) -> Process:
    # In a new session, so that Ctrl-C reaches only this process, which signals each service once.
    return await asyncio.create_subprocess_exec(_ANGARIUM, *arguments, env=environment, start_new_session=True)


async def _wait_until_ready(address: str) -> bool:
    async with httpx2.AsyncClient(timeout=2) as client:
        for _ in range(int(_READY_WITHIN / 0.25)):
            try:
                if (await client.get(f"{address}/ready")).status_code == httpx2.codes.OK:
                    return True
            except httpx2.TransportError:
                pass
            await asyncio.sleep(0.25)
    return False


def _api_key(environment: Mapping[str, str]) -> str:
    key = environment.get("ANGARIUM_API_KEY")
    return key or Path(environment["ANGARIUM_API_KEY_FILE"]).read_text(encoding="utf-8").strip()


async def _announce(environment: Mapping[str, str]) -> None:
    address, key = environment["ANGARIUM_GATEWAY_URL"], _api_key(environment)
    templates = environment["ANGARIUM_TEMPLATES_URL"]
    if await _wait_until_ready(address) and await _wait_until_ready(templates):
        development = environment.get("ANGARIUM_ENV", "development") != "production"
        await welcome(Place(address, mailbox=development), key if development else None, send=True)
    else:
        print(f"run-distributed: not ready after {_READY_WITHIN:.0f} s: {address}/ready has the reason", flush=True)


async def _stop(processes: Mapping[str, Process]) -> None:
    running = [process for process in processes.values() if process.returncode is None]
    for process in running:
        process.terminate()
    waits = [asyncio.create_task(process.wait()) for process in running]
    if waits:
        await asyncio.wait(waits, timeout=_STOP_WITHIN)
    for process in running:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def _first_end(processes: Mapping[str, Process], stop: asyncio.Event) -> str | None:
    """The name of a service that ended by itself; None if `stop` was set."""
    ends = {asyncio.create_task(process.wait()): name for name, process in processes.items()}
    asked = asyncio.create_task(stop.wait())
    done, waiting = await asyncio.wait({asked, *ends}, return_when=asyncio.FIRST_COMPLETED)
    for task in waiting:
        task.cancel()
    return None if asked in done else next(ends[task] for task in ends if task in done)


async def _run() -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    environment = _environment(os.environ)
    await _prepare(environment)
    processes: dict[str, Process] = {}
    announcing = asyncio.create_task(_announce(environment))
    try:
        for name, arguments in _SERVICES.items():
            processes[name] = await _start(arguments, environment)
        ended = await _first_end(processes, stop)
    finally:
        announcing.cancel()
        await _stop(processes)
    if ended:
        print(f"run-distributed: {shlex.join(_SERVICES[ended])} ended by itself; stopped the others", flush=True)
    return 1 if ended else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(_run()))
