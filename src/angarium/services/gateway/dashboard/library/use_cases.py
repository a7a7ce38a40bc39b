"""Use cases of templates on the dashboard: list, get, preview, compare, publish, archive, save, send a test."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from pydantic import ValidationError

from angarium.contracts.errors import ServiceUnavailable, Transient, ValidationFailed
from angarium.contracts.notifications import NotificationRequest
from angarium.contracts.statuses import ADDRESS_FIELD, Channel
from angarium.platform.auth.caller import Caller
from angarium.platform.http.frame.validation import details_of
from angarium.services.gateway.accepting.acceptance import origin_of
from angarium.services.gateway.accepting.use_cases import Acceptor
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.dashboard.pages import error_text
from angarium.services.gateway.dashboard.services import LIMIT, JsonObject, Listed, Service

PATH = "/templates"
_CHANNEL_FIELDS = frozenset({"channel"})


@dataclass(frozen=True, slots=True)
class Chosen:
    """A version and language of a template. None: the published version, the template's own language."""

    version: int | None = None
    locale: str | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """The rendered parts of one channel. `fault` is the error if they cannot be rendered."""

    channel: Channel
    parts: JsonObject
    fault: str | None = None


class Library:
    """Manages a tenant's templates through the templates service. Methods raise the errors of `Service`."""

    def __init__(self, templates: Service, acceptor: Acceptor, audit: AuditLog) -> None:
        self._templates = templates
        self._acceptor = acceptor
        self._audit = audit

    async def find(self, caller: Caller, cursor: str | None) -> Listed:
        """A page of the templates, sorted by code."""
        return await self._templates.list(caller, PATH, {"cursor": cursor, "limit": LIMIT})

    async def get(self, caller: Caller, code: str, chosen: Chosen) -> JsonObject:
        """One version of a template."""
        query = {"version": chosen.version, "locale": chosen.locale}
        return await self._templates.get(caller, _path(code), query)

    async def versions(self, caller: Caller, code: str) -> Sequence[JsonObject]:
        """The newest versions of a template, at most `LIMIT`."""
        return (await self._templates.list(caller, f"{_path(code)}/versions", {"limit": LIMIT})).rows

    async def diff(self, caller: Caller, code: str, old: int, new: int) -> Mapping[str, str]:
        """The unified diff of each part that differs between two versions."""
        found = await self._templates.get(caller, f"{_path(code)}/diff", {"from": old, "to": new})
        parts: Mapping[str, str] = found["parts"]
        return parts

    async def preview(
        self, caller: Caller, code: str, chosen: Chosen, variables: JsonObject, channel: Channel | None = None
    ) -> JsonObject:
        """The rendered parts of a version, for `channel` or else the template's own channel."""
        body = {"variables": variables, "version": chosen.version, "locale": chosen.locale, "channel": channel}
        given = {name: value for name, value in body.items() if value is not None}
        return await self._templates.ask(caller, f"{_path(code)}/preview", given)

    async def previews(self, caller: Caller, code: str, chosen: Chosen, variables: JsonObject) -> Sequence[Preview]:
        """A preview for each channel that the version has parts for. A channel that times out has a `fault`."""
        found = await asyncio.gather(*(self._preview(caller, code, chosen, variables, channel) for channel in Channel))
        return [preview for preview in found if preview is not None]

    async def _preview(
        self, caller: Caller, code: str, chosen: Chosen, variables: JsonObject, channel: Channel
    ) -> Preview | None:
        """The preview of one channel, None if the version has no parts for it."""
        try:
            return Preview(channel, await self.preview(caller, code, chosen, variables, channel))
        except ValidationFailed as fault:
            if {detail.field for detail in fault.details} == _CHANNEL_FIELDS:
                return None
            return Preview(channel, {}, error_text(fault))
        except (ServiceUnavailable, Transient) as away:
            return Preview(channel, {}, f"The preview is unavailable: {away}")

    async def publish(self, actor: Actor, code: str, version: int) -> None:
        """Publish a version: new notifications use it. Publishing an older version is a rollback."""
        await self._templates.change(actor, "POST", f"{_path(code)}/versions/{version}/publish")

    async def archive(self, actor: Actor, code: str) -> None:
        """Archive a template: calls can no longer use it. Accepted notifications are still sent."""
        await self._templates.change(actor, "DELETE", _path(code))

    async def create(self, actor: Actor, body: JsonObject) -> JsonObject:
        """Create a template and publish its first version. Raises Conflict, ValidationFailed with lines and columns."""
        return await self._templates.change(actor, "POST", PATH, body)

    async def save(self, actor: Actor, code: str, body: JsonObject) -> JsonObject:
        """Save the next version as a draft. Raises ValidationFailed with lines and columns."""
        return await self._templates.change(actor, "POST", f"{_path(code)}/versions", body)

    async def send_test(
        self, actor: Actor, code: str, chosen: Chosen, channel: str, to: str, variables: JsonObject
    ) -> UUID:
        """Accept an ordinary notification with a version, to an address or to the id of a stored user. Returns its id.

        Raises ValidationFailed and the errors of `Acceptor.accept`.
        """
        request = _request(code, chosen, channel, to, variables)
        accepted = await self._acceptor.accept(origin_of(actor.caller), request)
        subject = f"{code} version {request.template_version or 'published'} → {accepted.notification_id}"
        await self._audit.record(actor, "template.test_sent", subject)
        return accepted.notification_id


def _request(code: str, chosen: Chosen, channel: str, to: str, variables: JsonObject) -> NotificationRequest:
    if channel not in tuple(Channel):
        raise ValidationFailed.of("channel", f"must be {', '.join(Channel)}")
    fields: dict[str, Any] = {
        "notification_type": channel,
        "template_code": code,
        "template_version": chosen.version,
        "locale": chosen.locale,
        "variables": variables,
    }
    fields |= {"user_id": to} if _is_id(to) else {"recipient": {ADDRESS_FIELD[Channel(channel)]: to}}
    try:
        return NotificationRequest.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise ValidationFailed(details=details_of(error.errors())) from None


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _path(code: str) -> str:
    return f"{PATH}/{quote(code, safe='')}"
