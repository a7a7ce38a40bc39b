"""Converts notifications to values for pages: rows, timelines, facts. The page templates escape all values."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from angarium.contracts.notifications import NotificationView
from angarium.contracts.statuses import ADDRESS_FIELD, Status

_TONES: Mapping[Status, str] = {
    Status.SCHEDULED: "calm",
    Status.PENDING: "calm",
    Status.SENDING: "calm",
    Status.RETRYING: "warn",
    Status.SENT: "good",
    Status.DELIVERED: "good",
    Status.FAILED: "bad",
    Status.SKIPPED: "dull",
    Status.CANCELLED: "dull",
    Status.EXPIRED: "dull",
    Status.UNKNOWN: "warn",
}
"""The colour class of each status."""
_OUTCOMES: Mapping[str, str] = {
    "sent": "good",
    "retry": "warn",
    "ambiguous": "warn",
    "permanent": "bad",
    "suppress": "bad",
    "configuration": "bad",
}
_EVENTS: Mapping[str, str] = {
    "sent": "good",
    "delivered": "good",
    "retrying": "warn",
    "unknown": "warn",
    "failed": "bad",
    "dead_lettered": "bad",
}
_OWN = frozenset({"event", "at", "status", "attempt", "provider", "outcome", "answer", "duration_ms", "next_at"})
"""Fields of an event that the page formats itself. The others are listed by name."""
CANCELLABLE = frozenset({Status.SCHEDULED, Status.PENDING, Status.RETRYING})


def row_of(view: NotificationView) -> Mapping[str, Any]:
    """The values of a notification in a list."""
    return {
        "id": str(view.notification_id),
        "created_at": view.created_at,
        "channel": view.notification_type.value,
        "to": recipient_of(view),
        "template": view.template_code,
        "status": view.status.value,
        "tone": _TONES[view.status],
        "reason": None if view.reason is None else view.reason.message or view.reason.code,
        "attempts": view.attempts,
    }


def recipient_of(view: NotificationView) -> str:
    """The address in the call, or the user's id, or `–`."""
    address = (view.recipient or {}).get(ADDRESS_FIELD[view.notification_type])
    return str(address or view.user_id or "–")


def facts_of(view: NotificationView) -> Mapping[str, Any]:
    """The values of a notification on its own page."""
    whole = view.model_dump()
    return {
        **whole,
        **row_of(view),
        "recipient": as_text(whole["recipient"]),
        "variables": as_text(whole["variables"]),
        "metadata": as_text(whole["metadata"]),
        "cancellable": view.status in CANCELLABLE,
        "unknown": view.status is Status.UNKNOWN,
        "user_id": view.user_id,
        "fallback_of": str(view.fallback_of) if view.fallback_of else None,
        "fallback": [channel.value for channel in view.fallback],
    }


def timeline_of(events: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    """The events, oldest first. `after` is the time since the previous event in seconds."""
    shown: list[Mapping[str, Any]] = []
    before: datetime | None = None
    for event in events:
        at = _moment(event.get("at"))
        more = {name: as_text(value) for name, value in event.items() if name not in _OWN and value is not None}
        shown.append(
            {
                **{name: event.get(name) for name in _OWN},
                "at": at,
                "next_at": _moment(event.get("next_at")),
                "after": (at - before).total_seconds() if at is not None and before is not None else None,
                "tone": _OUTCOMES.get(str(event.get("outcome")), _EVENTS.get(str(event["event"]), "calm")),
                "more": [{"name": name, "value": value} for name, value in more.items()],
            }
        )
        before = at or before
    return shown


def as_text(value: object) -> str | None:
    """Text unchanged, other values as indented JSON, None for empty values."""
    if value is None or value in ({}, []):
        return None
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2, default=str)


def _moment(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
