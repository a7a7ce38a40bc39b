"""`angarium send`, `status`, `why`, `cancel` and `tail`."""

import sys
import time
from base64 import b64encode
from contextlib import suppress
from mimetypes import guess_type
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4

from cyclopts import Parameter

from angarium.cli.api import Api, CallFailed
from angarium.cli.output import Output
from angarium.cli.settings import ClientSettings
from angarium.cli.usage import WrongUsage
from angarium.cli.variables import variable
from angarium.contracts.statuses import ADDRESS_FIELD, Channel

_POLL = 0.5
_UNFINISHED = frozenset({"scheduled", "pending", "sending", "retrying"})
_SUCCEEDED = frozenset({"sent", "delivered"})
_NOT_SUCCEEDED = 1
"""The exit status of --watch if the notification ended without being sent or delivered."""


def send(
    channel: Channel,
    template: str,
    to: str | None = None,
    /,
    *,
    user: str | None = None,
    var: Annotated[list[str] | None, Parameter(negative="")] = None,
    request_id: str | None = None,
    priority: int = 5,
    locale: str | None = None,
    attach: Annotated[list[Path] | None, Parameter(negative="")] = None,
    cc: Annotated[list[str] | None, Parameter(negative="")] = None,
    bcc: Annotated[list[str] | None, Parameter(negative="")] = None,
    reply_to: str | None = None,
    watch: bool = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Send one notification, to an address or to a stored user (--user ID).

    Exit status with --watch: 0 if it was sent or delivered, 1 for any other final status (failed, skipped, cancelled,
    expired, unknown).

    Args:
        channel: The channel to send by.
        template: The template's code.
        to: An email address, phone number, push token or URL, depending on the channel.
        user: The id of a stored user, instead of an address.
        var: A template variable as NAME=VALUE, where VALUE may be JSON. May be repeated.
        request_id: The idempotency key. Defaults to a new one.
        priority: 1 to 10. Priorities from 8 use the urgent lane.
        locale: The language. Defaults to the user's.
        attach: A file to attach to the email. May be repeated.
        cc: An address for a copy of the email. May be repeated.
        bcc: An address for a blind copy of the email. May be repeated.
        reply_to: The address for replies to the email.
        watch: Wait for the final status.
        as_json: Print JSON.
    """
    if (to is None) == (user is None):
        raise WrongUsage("give exactly one of an address and --user")
    body: dict[str, Any] = {
        "notification_type": channel,
        "template_code": template,
        "variables": dict(variable(item) for item in var or ()),
        "request_id": request_id or str(uuid4()),
        "priority": priority,
        **({"user_id": user} if user else {"recipient": {ADDRESS_FIELD[channel]: to}}),
        **({"locale": locale} if locale else {}),
        **({"attachments": [_attachment(path) for path in attach]} if attach else {}),
        **_email_fields(cc=cc, bcc=bcc, reply_to=reply_to),
    }
    with Api(ClientSettings.load()) as api:
        accepted = api.call("POST", "/api/v1/notifications", body=body)["data"]
        if watch:
            watch_to_the_end(api, accepted["notification_id"], Output(as_json=as_json))
            return
    Output(as_json=as_json).thing(accepted, f"{accepted['notification_id']}  {accepted['status']}")


def status(
    notification_id: str,
    /,
    *,
    watch: bool = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Show a notification's status and timeline.

    Exit status with --watch: 0 if it was sent or delivered, 1 for any other final status (failed, skipped, cancelled,
    expired, unknown).

    Args:
        notification_id: The id of the notification.
        watch: Wait for the final status.
        as_json: Print JSON.
    """
    output = Output(as_json=as_json)
    with Api(ClientSettings.load()) as api:
        if watch:
            watch_to_the_end(api, notification_id, output)
            return
        found = api.call("GET", f"/api/v1/notifications/{notification_id}")["data"]
        events = api.call("GET", f"/api/v1/notifications/{notification_id}/events")["data"]
    output.thing(found | {"events": events}, "\n".join([_headline(found), *map(_line, events)]))


def why(notification_id: str, /, *, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Explain what happened to a notification.

    Args:
        notification_id: The id of the notification.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        found = api.call("GET", f"/api/v1/notifications/{notification_id}/why")["data"]
    decisions = [f"{one['check']:<14} {one['result']:<14} {one['detail']}" for one in found["decisions"]]
    Output(as_json=as_json).thing(found, "\n".join([found["summary"], "", *decisions]))


def cancel(notification_id: str, /, *, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Cancel a notification that has not been sent yet.

    Args:
        notification_id: The id of the notification.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        cancelled = api.call("POST", f"/api/v1/notifications/{notification_id}/cancel")["data"]
    Output(as_json=as_json).thing(cancelled, f"Cancelled {notification_id}.")


def tail(
    *,
    channel: Channel | None = None,
    status: str | None = None,
    lines: int = 10,
    follow: Annotated[bool, Parameter(negative="")] = False,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Show the newest notifications, newest last.

    Args:
        channel: Only of this channel.
        status: Only with this status.
        lines: The number of notifications, at most 100.
        follow: Keep printing new notifications until Ctrl-C.
        as_json: Print JSON, one object per line.
    """
    query = {"notification_type": channel, "status": status, "limit": lines}
    output, seen = Output(as_json=as_json), set[str]()
    with Api(ClientSettings.load()) as api, suppress(KeyboardInterrupt):
        while True:
            found = api.call("GET", "/api/v1/notifications", query=query)["data"]
            for one in reversed(found):
                if one["notification_id"] not in seen:
                    output.thing(one, f"{one['created_at']}  {one['template_code']:<20} {_headline(one)}")
            seen = {one["notification_id"] for one in found}
            if not follow:
                return
            time.sleep(_POLL)


def watch_to_the_end(api: Api, notification_id: str, output: Output) -> None:
    """Print each new event until the notification has ended. Exits with 1 unless it was sent or delivered."""
    if _final_status(api, notification_id, output) not in _SUCCEEDED:
        sys.exit(_NOT_SUCCEEDED)


def _final_status(api: Api, notification_id: str, output: Output) -> str:
    shown = 0
    while True:
        found = api.call("GET", f"/api/v1/notifications/{notification_id}")["data"]
        events = api.call("GET", f"/api/v1/notifications/{notification_id}/events")["data"]
        for event in events[shown:]:
            output.thing(event, _line(event))
        shown = len(events)
        if found["status"] not in _UNFINISHED:
            output.thing(found, _headline(found))
            return str(found["status"])
        time.sleep(_POLL)


def _headline(found: dict[str, Any]) -> str:
    reason = found.get("reason")
    why = f" ({reason['code']}: {reason['message']})" if reason else ""
    return f"{found['notification_id']}  {found['notification_type']}  {found['status']}{why}"


def _line(event: dict[str, Any]) -> str:
    detail = [str(event[name]) for name in ("attempt", "provider", "outcome", "answer") if event.get(name) is not None]
    return f"{event['at']}  {event['event']:<14} {' · '.join(detail)}".rstrip()


def _email_fields(**given: list[str] | str | None) -> dict[str, Any]:
    fields = {name: value for name, value in given.items() if value}
    return {"email": fields} if fields else {}


def _attachment(path: Path) -> dict[str, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CallFailed(f"--attach {path}: {error.strerror}") from None
    kind, _ = guess_type(path.name)
    return {
        "filename": path.name,
        "content_type": kind or "application/octet-stream",
        "content": b64encode(content).decode(),
    }
