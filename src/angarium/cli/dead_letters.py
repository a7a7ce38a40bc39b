"""`angarium dead-letters`: list, replay and discard notifications that could not be sent."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from angarium.cli.api import Api
from angarium.cli.output import Output
from angarium.cli.settings import ClientSettings
from angarium.cli.usage import WrongUsage
from angarium.contracts.statuses import Channel

PATH = "/api/v1/dead-letters"
_COLUMNS = {
    "id": "id",
    "channel": "channel",
    "template": "template_code",
    "reason": "reason.code",
    "message": "reason.message",
    "attempts": "attempts",
    "failed at": "failed_at",
}
_GROUPS = {"reason": "reason", "channel": "channel", "count": "count", "oldest": "oldest_at", "example": "example"}

app = App(name="dead-letters", help="Notifications that could not be sent.")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


@app.command(name="list")
def list_(
    *,
    channel: Channel | None = None,
    reason: str | None = None,
    template: str | None = None,
    older_than: str | None = None,
    by_reason: bool = False,
    page: int = 1,
    limit: int = 50,
    as_json: AsJson = False,
) -> None:
    """List dead letters, newest first.

    Args:
        channel: Only of this channel.
        reason: Only with this reason code.
        template: Only of this template.
        older_than: Only those that failed before this time (RFC 3339).
        by_reason: Print the number per reason and channel instead.
        page: The page, from 1.
        limit: Dead letters per page, at most 100.
        as_json: Print JSON.
    """
    query = {
        **_filter(channel, reason, template, older_than),
        "group_by": "reason" if by_reason else None,
        "page": page,
        "limit": limit,
    }
    with Api(ClientSettings.load()) as api:
        rows = api.call("GET", PATH, query=query)["data"]
    Output(as_json=as_json).table(rows, _GROUPS if by_reason else _COLUMNS, empty="No dead letters.")


@app.command
def replay(
    letter_id: str | None = None,
    /,
    *,
    channel: Channel | None = None,
    reason: str | None = None,
    template: str | None = None,
    older_than: str | None = None,
    all_: Annotated[bool, Parameter(name="--all", negative="")] = False,
    dry_run: bool = False,
    rate: float | None = None,
    as_json: AsJson = False,
) -> None:
    """Send dead letters again: one by its id, those that match a filter, or all of them.

    Args:
        letter_id: The id of one dead letter.
        channel: Only of this channel.
        reason: Only with this reason code.
        template: Only of this template.
        older_than: Only those that failed before this time (RFC 3339).
        all_: Replay every dead letter.
        dry_run: Only count them; nothing is sent.
        rate: The maximum number per second.
        as_json: Print JSON.
    """
    chosen = {k: v for k, v in _filter(channel, reason, template, older_than).items() if v is not None}
    if (letter_id is not None) + bool(chosen) + all_ != 1:
        raise WrongUsage("give a dead letter id, a filter, or --all")
    with Api(ClientSettings.load()) as api:
        if letter_id is not None:
            done = api.call("POST", f"{PATH}/{letter_id}/replay")["data"]
            Output(as_json=as_json).thing(done, f"Replayed {letter_id}.")
            return
        which = {"filter": chosen} if chosen else {"all": True}
        body = {**which, "dry_run": dry_run, "rate_per_second": rate}
        done = api.call("POST", f"{PATH}/replay", body=body)["data"]
    done_with = "nothing replayed (dry run)" if dry_run else f"{done['replayed']} replayed"
    Output(as_json=as_json).thing(done, f"{done['matched']} matched; {done_with}.")


@app.command
def discard(letter_id: str, /, *, as_json: AsJson = False) -> None:
    """Remove a dead letter from the list. Its notification keeps the status `failed`.

    Args:
        letter_id: The id of the dead letter.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        api.call("DELETE", f"{PATH}/{letter_id}")
    Output(as_json=as_json).thing({"id": letter_id, "discarded": True}, f"Discarded {letter_id}.")


def _filter(
    channel: Channel | None, reason: str | None, template: str | None, older_than: str | None
) -> dict[str, Any]:
    return {"channel": channel, "reason": reason, "template_code": template, "older_than": older_than}
