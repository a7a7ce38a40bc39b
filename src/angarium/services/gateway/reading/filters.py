"""Query parameters of the list of notifications."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import Query, Request

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.fields import InstantField
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.store.read.notifications import NotificationFilter
from angarium.notifications.store.triggers.metadata import LONGEST
from angarium.platform.http.frame.dependencies import QUERY_PATTERN

Word = Annotated[str, Query(max_length=255, pattern=r"^[^\x00]*$")]
_METADATA = re.compile(r"metadata(?:\.([^\x00]+)|\[([^\x00\[\]]+)\])", re.DOTALL)
_METADATA_LIMIT = 5


def _metadata(request: Request) -> tuple[tuple[str, str], ...]:
    """`metadata.order=42` or `metadata[order]=42`, up to five of them. Raises ValidationFailed."""
    wanted = []
    for name, value in request.query_params.multi_items():
        found = _METADATA.fullmatch(name)
        if found is None:
            continue
        if "\x00" in value or len(value) > LONGEST:
            raise ValidationFailed.of(name, f"must be at most {LONGEST} characters, without NUL")
        wanted.append((found[1] or found[2], value))
    if len(wanted) > _METADATA_LIMIT:
        raise ValidationFailed.of("metadata", f"at most {_METADATA_LIMIT} names at once")
    return tuple(wanted)


def _same_user(user_id: str) -> str:
    """The id as it is stored: a UUID in any spelling that a request may use, or the id of a caller that is none."""
    try:
        return str(UUID(user_id))
    except ValueError:
        return user_id


def notification_filter(
    request: Request,
    user_id: Word | None = None,
    status: Status | None = None,
    notification_type: Channel | None = None,
    template_code: Word | None = None,
    request_id: Word | None = None,
    since: Annotated[InstantField | None, Query(alias="from")] = None,
    until: Annotated[InstantField | None, Query(alias="to")] = None,
) -> NotificationFilter:
    """The filter of a request. Raises ValidationFailed."""
    return NotificationFilter(
        user_id=None if user_id is None else _same_user(user_id),
        status=status,
        notification_type=notification_type,
        template_code=template_code,
        request_id=request_id,
        from_=since,
        to=until,
        metadata=_metadata(request),
    )


setattr(notification_filter, QUERY_PATTERN, _METADATA)


METADATA_PARAMETER = {
    "name": "metadata",
    "in": "query",
    "required": False,
    "style": "deepObject",
    "explode": True,
    "schema": {"type": "object", "additionalProperties": {"type": "string", "maxLength": LONGEST}, "maxProperties": 5},
    "description": "Names and values of the metadata, compared as text: `metadata[order]=42`, or `metadata.order=42`.",
    "example": {"order": "42"},
}
