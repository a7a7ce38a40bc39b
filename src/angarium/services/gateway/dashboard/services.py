"""Calls the users and templates services on behalf of the operator. Changes are recorded in the audit log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import msgspec

from angarium.contracts.errors import (
    Conflict,
    Detail,
    Forbidden,
    NotFound,
    PayloadTooLarge,
    PreconditionFailed,
    Rejected,
    ServiceUnavailable,
    ValidationFailed,
)
from angarium.directory.gateway.changes import change_of
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import ServiceClient
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor

LIMIT = 50
ASKING_SECONDS = 6.0
"""The timeout of a preview. Rendering is limited to 2 s, and its child process may have to start first."""
CHANGING_SECONDS = 12.0
"""The timeout of a change. Compiling a template takes up to 10 s on a busy machine."""
JsonObject = Mapping[str, Any]
_REFUSALS: Mapping[int, type[Rejected]] = {
    HTTPStatus.BAD_REQUEST: ValidationFailed,
    HTTPStatus.FORBIDDEN: Forbidden,
    HTTPStatus.NOT_FOUND: NotFound,
    HTTPStatus.CONFLICT: Conflict,
    HTTPStatus.PRECONDITION_FAILED: PreconditionFailed,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: PayloadTooLarge,
}


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list. `total` is None for pages requested with a cursor."""

    rows: Sequence[JsonObject]
    total: int | None
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object with its entity tag."""

    value: JsonObject
    etag: str | None


class Service:
    """One of the services behind the gateway.

    Methods raise NotFound, ValidationFailed, Conflict, PreconditionFailed, ServiceUnavailable, and ServiceDown.
    """

    def __init__(self, client: ServiceClient, audit: AuditLog) -> None:
        self._client = client
        self._audit = audit

    async def get(self, caller: Caller, path: str, query: JsonObject | None = None) -> JsonObject:
        """Get an object."""
        return (await self.get_tagged(caller, path, query)).value

    async def get_tagged(self, caller: Caller, path: str, query: JsonObject | None = None) -> Tagged:
        """Get an object with its entity tag."""
        answer = await self._client.get(_with_query(path, query or {}), tenant=caller.tenant, caller=caller)
        return Tagged(_body(answer.status_code, answer.content)["data"], answer.headers.get("etag"))

    async def list(self, caller: Caller, path: str, query: JsonObject) -> Listed:
        """Get a page of a list."""
        answer = await self._client.get(_with_query(path, query), tenant=caller.tenant, caller=caller)
        body = _body(answer.status_code, answer.content)
        return Listed(body["data"], body["meta"]["total"], body["meta"].get("next_cursor"))

    async def ask(self, caller: Caller, path: str, body: JsonObject) -> JsonObject:
        """Send a POST that changes nothing, such as a preview, and return the data of the answer."""
        headers, content = {"content-type": "application/json"}, msgspec.json.encode(body)
        answer = await self._client.forward(
            "POST", path, caller=caller, body=content, headers=headers, seconds=ASKING_SECONDS
        )
        found: JsonObject = _body(answer.status, answer.body)["data"]
        return found

    async def change(
        self, actor: Actor, method: str, path: str, body: JsonObject | None = None, *, etag: str | None = None
    ) -> JsonObject:
        """Make a change, record it in the audit log, and return the data of the answer.

        With `etag`, raises PreconditionFailed if the object has changed since.
        """
        headers = {"content-type": "application/json"} | ({} if etag is None else {"if-match": etag})
        content = b"" if body is None else msgspec.json.encode(body)
        answer = await self._client.forward(
            method, path, caller=actor.caller, body=content, headers=headers, seconds=CHANGING_SECONDS
        )
        found: JsonObject = _body(answer.status, answer.body)["data"]
        change = change_of(method, path, answer.body)
        if change is not None:
            await self._audit.record(actor, change.action, change.subject)
        return found


def _with_query(path: str, query: JsonObject) -> str:
    asked = urlencode({name: value for name, value in query.items() if value})
    return f"{path}?{asked}" if asked else path


def _body(status: int, content: bytes) -> JsonObject:
    """The envelope of a successful answer. Raises the matching Rejected for an error, else ServiceUnavailable."""
    try:
        body = msgspec.json.decode(content, type=dict[str, Any])
    except msgspec.MsgspecError:
        raise ServiceUnavailable("A service returned an invalid answer") from None
    if status < HTTPStatus.MULTIPLE_CHOICES:
        return body
    message, error = str(body.get("message") or ""), body.get("error") or {}
    details = [
        Detail(one["field"], one["message"], one.get("line"), one.get("column")) for one in error.get("details", ())
    ]
    raise _REFUSALS.get(status, ServiceUnavailable)(message or None, details=details)
