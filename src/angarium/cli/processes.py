"""`angarium up`, `serve`, `work` and `migrate`: the processes of the system.

The services are imported inside the commands: they bring the whole web framework along, which `--help` can do without.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, Literal

from cyclopts import App

if TYPE_CHECKING:
    from angarium.platform.settings_groups import ProcessSettings
    from angarium.platform.telemetry.logging import Logger

_BUILT_AFTER = 2.0
"""Seconds after which a process has built what it keeps."""
Serve = Callable[[asyncio.Event], Coroutine[Any, Any, None]]


def register(app: App) -> None:
    """Put the commands into `app`."""
    app.command(up)
    app.command(serve)
    app.command(work)
    app.command(migrate)


def up(*, first_notification: bool = False) -> None:
    """Run everything in one process, with nothing else installed.

    Args:
        first_notification: Send a first notification, to be seen in the mailbox.
    """
    from angarium.cli.welcome import welcome
    from angarium.embedded.composition import EmbeddedSettings, run_embedded

    settings = EmbeddedSettings.load()
    logger = _logger("angarium", settings.gateway)

    async def listening(address: str, api_key: str | None) -> None:
        await welcome(address, api_key, mailbox=not settings.gateway.production, send=first_notification)

    _run(lambda stop: run_embedded(settings, logger=logger, stop=stop, listening=listening), logger)


def serve(service: Literal["gateway", "users", "templates"], /) -> None:
    """Run one REST service.

    Args:
        service: Which.
    """
    if service == "gateway":
        _serve_gateway()
    elif service == "users":
        _serve_users()
    else:
        _serve_templates()


def work(channel: Literal["email", "push", "sms"], /) -> None:
    """Run the worker of one channel.

    Args:
        channel: Which.
    """
    from angarium.contracts.statuses import Channel
    from angarium.delivery.process import run_worker
    from angarium.services.email import app as email
    from angarium.services.push import app as push
    from angarium.services.sms import app as sms

    module = {"email": email, "push": push, "sms": sms}[channel]
    settings = module.Settings.load()
    logger = _logger(channel, settings)
    _run(lambda stop: run_worker(Channel(channel), settings, module.build_kit, logger=logger, stop=stop), logger)


def migrate() -> None:
    """Bring every configured database to the newest schema."""
    from angarium.cli.migration import migrate_all
    from angarium.cli.settings import MigrationSettings

    asyncio.run(migrate_all(MigrationSettings.load()))


def _serve_gateway() -> None:
    from angarium.services.gateway.compose import run
    from angarium.services.gateway.settings import GatewaySettings

    settings = GatewaySettings.load()
    logger = _logger("gateway", settings)
    _run(lambda stop: run(settings, logger=logger, stop=stop), logger)


def _serve_users() -> None:
    from angarium.services.users.app import run
    from angarium.services.users.settings import UsersSettings

    settings = UsersSettings.load()
    logger = _logger("users", settings)
    _run(lambda stop: run(settings, logger=logger, stop=stop), logger)


def _serve_templates() -> None:
    from angarium.services.templates.app import run
    from angarium.services.templates.settings import TemplatesSettings

    settings = TemplatesSettings.load()
    logger = _logger("templates", settings)
    _run(lambda stop: run(settings, logger=logger, stop=stop), logger)


def _logger(service: str, settings: "ProcessSettings") -> "Logger":
    from angarium.platform.telemetry.logging import adopt_standard_logging, make_logger

    logger = make_logger(service, level=settings.log_level, format=settings.log_format, log_dir=settings.log_dir)
    adopt_standard_logging(logger)
    return logger


def _run(process: Serve, logger: "Logger") -> None:
    """Run `process` on uvloop until a signal stops it."""
    import uvloop

    from angarium.platform.lifecycle import quiet_collector, stop_on_signals

    async def until_stopped() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(_BUILT_AFTER, quiet_collector)
        with stop_on_signals(stop, logger):
            await process(stop)

    uvloop.run(until_stopped())
