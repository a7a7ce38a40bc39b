"""Changes that clients make directly at a service are reported to the gateway, which keeps the audit log."""

from collections.abc import Sequence
from typing import Any

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.contracts.audit import REPORT_LIMIT
from angarium.contracts.errors import AngariumError, Transient
from angarium.contracts.fields import rfc3339
from angarium.directory.gateway.changes import change_of
from angarium.platform.auth.caller import SERVICE_TOKEN_HEADER, Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.backlog import Backlog
from angarium.platform.clock import Clock
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.dependencies import CALLER_KEY
from angarium.platform.http.frame.headers import header
from angarium.platform.identifiers import Identifiers
from angarium.platform.telemetry.correlation import current_correlation_id
from angarium.platform.telemetry.logging import Logger

PATH = "/internal/v1/audit"
RETRY_SECONDS = 2.0
_CREATED = 201
_SUCCESS = range(200, 300)
_BODY_BYTES = 65_536
_SERVICE_TOKEN = SERVICE_TOKEN_HEADER.encode()


class ReportsRefused(AngariumError):
    """The gateway refuses reports"""


class ChangeReports:
    """Holds reports until the gateway has taken them. What is held when the process ends is tried once more.

    When too many wait, the oldest are lost and the log says so (`platform.backlog`).
    """

    def __init__(self, gateway: ServiceClient, clock: Clock, identifiers: Identifiers, logger: Logger) -> None:
        self._gateway = gateway
        self._clock = clock
        self._identifiers = identifiers
        self._logger = logger
        self._backlog: Backlog[dict[str, Any]] = Backlog(
            self._write, lost=self._lost, clock=clock, batch=REPORT_LIMIT, pause=RETRY_SECONDS
        )

    def add(self, caller: Caller, action: str, subject: str, address: str | None) -> None:
        """Report a change that has just been made."""
        report = {
            "id": str(self._identifiers.new()),
            "at": rfc3339(self._clock.now()),
            "tenant": caller.tenant,
            "actor": caller.identity,
            "action": action,
            "object": subject,
            "address": address,
            "correlation_id": current_correlation_id(),
        }
        self._backlog.add(report)

    async def run(self) -> None:
        """Hand reports on, until cancelled."""
        await self._backlog.run()

    async def hand_on(self) -> bool:
        """Try to hand on what is held; whether all of it was taken."""
        return await self._backlog.flush()

    async def _write(self, batch: Sequence[dict[str, Any]]) -> None:
        try:
            answer = await self._gateway.post(PATH, tenant=DEFAULT_TENANT, json={"reports": list(batch)})
        except Transient as error:
            self._logger.warning("audit.waits", error=type(error).__name__, reports=len(batch))
            raise
        if not answer.is_success:
            raise ReportsRefused(f"the gateway answered {answer.status_code}")

    def _lost(self, report: dict[str, Any]) -> None:
        self._logger.error("audit.lost", **report)


def reporting(reports: ChangeReports | None) -> Sequence[Middleware]:
    """The innermost middleware of a service whose changes are reported; none without `reports`."""
    return () if reports is None else (Middleware(ReportingMiddleware, reports=reports),)


class ReportingMiddleware:
    """Reports what clients with a key or token of their own change; what comes through the gateway it knows itself.

    Must be the innermost middleware: it reads the caller that the others leave in the scope.
    """

    def __init__(self, app: ASGIApp, *, reports: ChangeReports) -> None:
        self._app = app
        self._reports = reports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or header(scope, _SERVICE_TOKEN) is not None:
            await self._app(scope, receive, send)
            return
        status, body = 0, b""

        async def send_watched(message: Message) -> None:
            nonlocal status, body
            if message["type"] == "http.response.start":
                status = message["status"]
            elif status == _CREATED and len(body) < _BODY_BYTES:
                body += message.get("body", b"")
            await send(message)

        await self._app(scope, receive, send_watched)
        if status in _SUCCESS:
            self._report(scope, body)

    def _report(self, scope: Scope, answer: bytes) -> None:
        caller: Caller | None = scope.get(CALLER_KEY)
        change = change_of(scope["method"], scope["path"], answer)
        if caller is not None and change is not None:
            client = scope.get("client")
            self._reports.add(caller, change.action, change.subject, client[0] if client else None)
