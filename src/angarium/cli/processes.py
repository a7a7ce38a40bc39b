"""`angarium up`, `serve`, `work` and `migrate`: the processes of the system.

The services are imported inside the commands, because `--help` does not need the web framework.
"""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter, validators

from angarium.contracts.statuses import Channel

if TYPE_CHECKING:
    from angarium.platform.settings.base import Settings
    from angarium.platform.settings.groups import ProcessSettings
    from angarium.platform.telemetry.logging import Logger

_BUILT_AFTER = 2.0
"""Seconds after the start by which a process has created its long-lived objects."""
_PRIVATE = 0o077
_WORKER = (sys.executable, "-P", "-m", "angarium.cli.worker_process")
"""Starts a worker process. -P: do not import from the current folder."""
Workers = Annotated[int, Parameter(validator=validators.Number(gte=0, lte=len(Channel)))]
Serve = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def up(*, first_notification: bool = False, workers: Workers = 0) -> None:
    """Run everything in one process. Needs no other server.

    Args:
        first_notification: Send a first notification to the mailbox.
        workers: How many other processes deliver, for machines with several cores. 0: this one does.
    """
    from angarium.cli.welcome import Place, welcome
    from angarium.embedded.composition import EmbeddedSettings
    from angarium.embedded.process import Started, run_embedded
    from angarium.embedded.workers import WorkerProcesses

    settings = EmbeddedSettings.load()
    _prepare_data_dir(settings.gateway, settings.users, settings.templates)
    logger = make_process_logger("angarium", settings.gateway)

    async def listening(started: Started) -> None:
        development = not settings.gateway.production
        place = Place(started.address, mailbox=development, smtp_port=started.smtp_port, sign_in=started.sign_in)
        await welcome(place, started.api_key if development else None, send=first_notification)

    processes = WorkerProcesses(workers, _WORKER) if workers else None
    run_process(
        lambda stop: run_embedded(settings, logger=logger, stop=stop, listening=listening, workers=processes), logger
    )


def serve(service: Literal["gateway", "users", "templates"], /) -> None:
    """Run one REST service.

    Args:
        service: The service to run.
    """
    if service == "gateway":
        _serve_gateway()
    elif service == "users":
        _serve_users()
    else:
        _serve_templates()


def work(channel: Channel, /) -> None:
    """Run the worker of one channel.

    Args:
        channel: The channel to deliver.
    """
    from angarium.channels.registry import CHANNELS, OWN_SCHEMES
    from angarium.cli.settings import load
    from angarium.delivery.process import run_worker
    from angarium.delivery.providers.installed import installed_providers

    entry = CHANNELS[channel]
    settings = load(entry.settings)
    _prepare_data_dir(settings)
    logger, installed = make_process_logger(channel, settings), installed_providers(OWN_SCHEMES)
    run_process(
        lambda stop: run_worker(channel, settings, entry.build_kit, logger=logger, stop=stop, installed=installed),
        logger,
    )


def migrate(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Upgrade every configured database to the newest schema.

    Args:
        as_json: Print JSON, one object per line.
    """
    from angarium.cli.migration import migrate_all
    from angarium.cli.output import Output
    from angarium.cli.settings import MigrationSettings

    settings = MigrationSettings.load()
    _prepare_data_dir(settings)
    asyncio.run(migrate_all(settings, Output(as_json=as_json)))


def _serve_gateway() -> None:
    from angarium.cli.settings import load
    from angarium.services.gateway.process import run_gateway
    from angarium.services.gateway.settings import GatewaySettings

    settings = load(GatewaySettings)
    _prepare_data_dir(settings)
    logger = make_process_logger("gateway", settings)
    run_process(lambda stop: run_gateway(settings, logger=logger, stop=stop), logger)


def _serve_users() -> None:
    from angarium.cli.settings import load
    from angarium.services.users.process import run_users
    from angarium.services.users.settings import UsersSettings

    settings = load(UsersSettings)
    _prepare_data_dir(settings)
    logger = make_process_logger("users", settings)
    run_process(lambda stop: run_users(settings, logger=logger, stop=stop), logger)


def _serve_templates() -> None:
    from angarium.cli.settings import load
    from angarium.services.templates.process import run_templates
    from angarium.services.templates.settings import TemplatesSettings

    settings = load(TemplatesSettings)
    _prepare_data_dir(settings)
    logger = make_process_logger("templates", settings)
    run_process(lambda stop: run_templates(settings, logger=logger, stop=stop), logger)


def _prepare_data_dir(*settings: "Settings") -> None:
    """Create `DATA_DIR` if the process uses it, and set the umask so that only this user can read new files.

    Raises SettingsError if the folder is not writable.
    """
    from angarium.platform.folders import prepare_folder

    os.umask(_PRIVATE)
    if any(part.uses_data_dir() for part in settings):
        prepare_folder(settings[0].data_dir, setting="ANGARIUM_DATA_DIR", private=True)


def make_process_logger(service: str, settings: "ProcessSettings") -> "Logger":
    """The logger of this process, to which the libraries' logs go, too. Raises SettingsError."""
    from angarium.platform.folders import prepare_folder
    from angarium.platform.settings.sources import injected_names
    from angarium.platform.telemetry.logging import adopt_standard_logging, make_logger

    if settings.log_dir is not None:
        prepare_folder(settings.log_dir, setting="ANGARIUM_LOG_DIR")
    logger = make_logger(
        service,
        level=settings.log_level,
        format=settings.log_format,
        log_dir=settings.log_dir,
        fast_paths=settings.fast,
    )
    adopt_standard_logging(logger)
    if ignored := injected_names(os.environ):
        logger.info("settings.ignored", names=ignored, reason="injected by Kubernetes for a Service")
    return logger


def run_process(process: Serve, logger: "Logger") -> None:
    """Run `process` on uvloop until SIGTERM or SIGINT stops it."""
    import uvloop

    from angarium.platform.lifecycle import quiet_collector, stop_on_signals

    async def until_stopped() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(_BUILT_AFTER, quiet_collector)
        with stop_on_signals(stop, logger):
            await process(stop)

    uvloop.run(until_stopped())
