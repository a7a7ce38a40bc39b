"""Asks the users and templates services in the operator's name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec

from angarium.contracts.errors import Detail, NotFound, Rejected, ServiceUnavailable, ValidationFailed
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.client.exchange import Answer

LIMIT = 50
Thing = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of a list. `total` is None behind a cursor."""

    rows: Sequence[Thing]
    total: int | None
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class Person:
    """A user with preferences and devices."""

    user: Thing
    preferences: Thing
    devices: Sequence[Thing]


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which version of a template, in which language; None: the published one, in its own."""

    version: int | None = None
    locale: str | None = None


class Directory:
    """Methods raise NotFound, ValidationFailed, ServiceUnavailable, and ServiceDown."""

    def __init__(self, users: ServiceClient, templates: ServiceClient) -> None:
        self._users = users
        self._templates = templates

    async def users(self, caller: Caller, search: str, cursor: str | None) -> Listed:
        """Users, newest first; `search` is a part of the name, email or phone."""
        return await _list(self._users, caller, "/users", {"search": search, "cursor": cursor})

    async def user(self, caller: Caller, user_id: UUID) -> Person:
        """One user."""
        path = f"/users/{user_id}"
        user = await _get(self._users, caller, path)
        preferences = await _get(self._users, caller, f"{path}/preferences")
        return Person(user, preferences, (await _list(self._users, caller, f"{path}/devices", {})).rows)

    async def templates(self, caller: Caller, cursor: str | None) -> Listed:
        """Templates."""
        return await _list(self._templates, caller, "/templates", {"cursor": cursor})

    async def template(self, caller: Caller, code: str, chosen: Chosen) -> Thing:
        """One version of a template."""
        return await _get(self._templates, caller, _path(code), {"version": chosen.version, "locale": chosen.locale})

    async def versions(self, caller: Caller, code: str) -> Sequence[Thing]:
        """The newest versions of a template."""
        return (await _list(self._templates, caller, f"{_path(code)}/versions", {})).rows

    async def preview(self, caller: Caller, code: str, chosen: Chosen, variables: Thing) -> Thing:
        """The rendered parts of a version."""
        body = {"variables": variables, "version": chosen.version, "locale": chosen.locale}
        given = {name: value for name, value in body.items() if value is not None}
        answer = await self._templates.post(f"{_path(code)}/preview", tenant=caller.tenant, caller=caller, json=given)
        found: Thing = _data(answer)["data"]
        return found


def _path(code: str) -> str:
    return f"/templates/{quote(code, safe='')}"


async def _get(client: ServiceClient, caller: Caller, path: str, query: Thing | None = None) -> Thing:
    asked = urlencode({name: value for name, value in (query or {}).items() if value})
    answer = await client.get(f"{path}?{asked}" if asked else path, tenant=caller.tenant, caller=caller)
    found: Thing = _data(answer)["data"]
    return found


async def _list(client: ServiceClient, caller: Caller, path: str, query: Thing) -> Listed:
    asked = {name: value for name, value in query.items() if value}
    if not path.endswith("/devices"):
        asked["limit"] = LIMIT
    answer = await client.get(f"{path}?{urlencode(asked)}" if asked else path, tenant=caller.tenant, caller=caller)
    body = _data(answer)
    return Listed(body["data"], body["meta"]["total"], body["meta"].get("next_cursor"))


def _data(answer: Answer) -> Thing:
    """The envelope of a success. A refusal is raised as the gateway's own."""
    body: Thing = msgspec.json.decode(answer.content)
    if answer.status_code < HTTPStatus.MULTIPLE_CHOICES:
        return body
    raise _refusal(answer.status_code, body)


def _refusal(status: int, body: Thing) -> Rejected:
    message = str(body.get("message", ""))
    match status:
        case HTTPStatus.NOT_FOUND:
            return NotFound(message)
        case HTTPStatus.BAD_REQUEST:
            error = body.get("error") or {}
            details = [Detail(one["field"], one["message"]) for one in error.get("details", ())]
            return ValidationFailed(message, details=details)
        case _:
            return ServiceUnavailable(message or None)
