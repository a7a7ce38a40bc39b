"""Use cases of notifications on the dashboard: search, show, cancel, resolve, send again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

import msgspec
from pydantic import ValidationError

from angarium.contracts.dead_letters import DeadLetterView
from angarium.contracts.errors import Transient, ValidationFailed
from angarium.contracts.notifications import NotificationRequest, NotificationView, Recipient, Why
from angarium.contracts.statuses import Status
from angarium.notifications.store.paging import Found
from angarium.notifications.store.read.notifications import NotificationReader
from angarium.platform.auth.caller import Caller
from angarium.platform.http.client.client import ServiceClient
from angarium.platform.http.frame.validation import details_of
from angarium.services.gateway.accepting.acceptance import origin_of
from angarium.services.gateway.accepting.use_cases import Acceptor
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.audit.store import Actor
from angarium.services.gateway.dashboard.notifications.search import Search
from angarium.services.gateway.moving.use_cases import Moves
from angarium.services.gateway.reading.use_cases import Reading

LIMIT = 50
RESOLUTIONS: Mapping[str, Status] = {"sent": Status.SENT, "failed": Status.FAILED, "retry": Status.PENDING}
_COPIED = ("notification_type", "template_code", "template_version", "variables", "priority", "metadata", "locale")


@dataclass(frozen=True, slots=True)
class Results:
    """A page of results. `users`: stored users with the address; None if the users service does not answer."""

    found: Found[NotificationView]
    users: Sequence[Mapping[str, Any]] | None = ()


@dataclass(frozen=True, slots=True)
class Whole:
    """One notification with its timeline and explanation. `letter`: its dead letter, if it is listed."""

    view: NotificationView
    events: Sequence[Mapping[str, Any]]
    why: Why
    letter: DeadLetterView | None


class DashboardNotifications:
    """Methods raise NotFound, also for notifications of other tenants, and DatabaseUnavailable."""

    def __init__(
        self,
        *,
        reader: NotificationReader,
        reading: Reading,
        acceptor: Acceptor,
        moves: Moves,
        audit: AuditLog,
        users: ServiceClient,
    ) -> None:
        self._reader = reader
        self._reading = reading
        self._acceptor = acceptor
        self._moves = moves
        self._audit = audit
        self._users = users

    async def search(self, caller: Caller, search: Search, cursor: str | None) -> Results | UUID:
        """The matches, newest first, or the notification's id if the search has one. Raises ValidationFailed."""
        tenant, wanted = caller.tenant, search.wanted
        if search.id is not None:
            if await self._reader.get(tenant, search.id) is not None:
                return search.id
            wanted = replace(wanted, user_id=str(search.id))
        if search.address is not None:
            found = await self._reader.find_by_address(tenant, search.address, wanted, limit=LIMIT, cursor=cursor)
            return Results(found, await self._users_with(caller, search.address))
        return Results(await self._reader.find(tenant, wanted, limit=LIMIT, cursor=cursor))

    async def whole(self, caller: Caller, notification_id: UUID) -> Whole:
        """One notification, read from the primary, so that an operator sees their own changes at once."""
        view = await self._reading.get_now(caller, notification_id)
        events = await self._reading.events(caller, notification_id)
        why = await self._reading.why(caller, notification_id)
        return Whole(view, events, why, await self._reader.dead_letters.of_notification(caller.tenant, notification_id))

    async def view(self, caller: Caller, notification_id: UUID) -> NotificationView:
        """One notification without its timeline. May be read from a replica."""
        return await self._reading.get(caller, notification_id)

    async def cancel(self, actor: Actor, notification_id: UUID) -> None:
        """Cancel a notification. Raises Conflict if it is being sent or has ended."""
        await self._moves.cancel(actor.caller, notification_id)
        self._moves.count(await self._reading.get_now(actor.caller, notification_id))
        await self._audit.record(actor, "notification.cancelled", notification_id)

    async def resolve(self, actor: Actor, notification_id: UUID, decision: str) -> None:
        """Set the outcome of a notification with the status `unknown`. Raises Conflict for other statuses."""
        await self._moves.resolve(actor.caller, notification_id, RESOLUTIONS[decision])
        self._moves.count(await self._reading.get_now(actor.caller, notification_id))
        await self._audit.record(actor, f"notification.resolved_as_{decision}", notification_id)

    async def send_again(self, actor: Actor, view: NotificationView) -> UUID:
        """Accept a copy of a notification with the same template version, and return its id.

        Raises ValidationFailed and the errors of `Acceptor.accept`.
        """
        accepted = await self._acceptor.accept(origin_of(actor.caller), _again(view))
        await self._audit.record(
            actor, "notification.sent_again", f"{view.notification_id} → {accepted.notification_id}"
        )
        return accepted.notification_id

    async def content_was_viewed(self, actor: Actor, notification_id: UUID) -> None:
        """Record in the audit log that an operator viewed the content."""
        await self._audit.record(actor, "notification.content_viewed", notification_id)

    async def _users_with(self, caller: Caller, address: str) -> Sequence[Mapping[str, Any]] | None:
        name = "email" if "@" in address else "search"
        try:
            answer = await self._users.get(
                f"/users?{urlencode({name: address, 'limit': 5})}", tenant=caller.tenant, caller=caller
            )
        except Transient:
            return None
        if answer.status_code != HTTPStatus.OK:
            return None
        users: Sequence[Mapping[str, Any]] = msgspec.json.decode(answer.content)["data"]
        return [{"user_id": user["user_id"], "name": user["name"]} for user in users]


def _again(view: NotificationView) -> NotificationRequest:
    fields: dict[str, Any] = {name: getattr(view, name) for name in _COPIED}
    fields["category"] = view.category
    if view.recipient is not None:
        fields["recipient"] = Recipient.model_validate(view.recipient)
    else:
        fields["user_id"] = view.user_id
    try:
        return NotificationRequest.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:  # for example, the recipient was erased
        raise ValidationFailed("The notification cannot be sent again", details=details_of(error.errors())) from None
