"""Reports changes that clients make directly at a service to the gateway's audit log."""

from collections.abc import Sequence
from typing import Any

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from angarium.contracts.audit import REPORT_LIMIT
from angarium.contracts.errors import AngariumError
from angarium.contracts.fields import rfc3339
from angarium.directory.gateway.changes import change_of
from angarium.platform.auth.caller import SERVICE_TOKEN_HEADER, Caller
from angarium.platform.auth.service_token import DEFAULT_TENANT
from angarium.platform.backlog import Backlog
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.dependencies import CALLER_KEY
from angarium.platform.http.frame.headers import header
from angarium.platform.runtime import Runtime
from angarium.platform.telemetry.correlation import current_correlation_id

PATH = "/internal/v1/audit"
LONGEST_BACK_OFF_SECONDS = 2.0
_CREATED = 201
_SUCCESS = range(200, 300)
_BODY_BYTES = 65_536
_SERVICE_TOKEN = SERVICE_TOKEN_HEADER.encode()


class ReportsRefused(AngariumError):
    """The gateway refuses reports"""


class ChangeReports:
    """Holds reports until the gateway has accepted them; `backlog` is the loop that sends them.

    Reports left at the end of the process are sent once more (`backlog.flush`).

    If too many wait, the oldest are dropped, which is logged (`platform.backlog`).
    """

    def __init__(self, gateway: ServiceClient, runtime: Runtime) -> None:
        self._gateway = gateway
        self._clock = runtime.clock
        self._identifiers = runtime.identifiers
        self._logger = runtime.logger
        self.backlog: Backlog[dict[str, Any]] = Backlog(
            "audit", self._write, lost=self._lost, batch=REPORT_LIMIT, longest_back_off=LONGEST_BACK_OFF_SECONDS
        )

    def add(self, caller: Caller, action: str, subject: str, address: str | None) -> None:
        """Report a change."""
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
        self.backlog.add(report)

    async def _write(self, batch: Sequence[dict[str, Any]]) -> None:
        answer = await self._gateway.post(PATH, tenant=DEFAULT_TENANT, json={"reports": list(batch)})
        if not answer.is_success:
            raise ReportsRefused(f"the gateway answered {answer.status_code}")

    def _lost(self, report: dict[str, Any]) -> None:
        self._logger.error("audit.lost", **report)


def reporting(reports: ChangeReports | None) -> Sequence[Middleware]:
    """The innermost middleware of a service that reports changes; none without `reports`."""
    return () if reports is None else (Middleware(ReportingMiddleware, reports=reports),)


class ReportingMiddleware:
    """Reports changes by clients with their own key or token; the gateway itself records those that it forwards.

    Must be the innermost middleware, since it reads the caller that the others store in the scope.
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
