"""`angarium providers`: configured providers and their circuit breakers."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from angarium.cli.api import Api, CallFailed
from angarium.cli.notifications import watch_to_the_end
from angarium.cli.output import Output
from angarium.cli.settings import ClientSettings
from angarium.cli.usage import WrongUsage

PATH = "/api/v1/providers"
_COLUMNS = {
    "name": "name",
    "channel": "channel",
    "provider": "provider",
    "breaker": "breaker",
    "forced": "forced",
    "error rate": "error_rate",
    "rate": "rate",
    "workers": "workers",
    "marketing": "marketing",
    "bounces": "bounces",
    "complaints": "complaints",
    "reason": "reason",
}

app = App(name="providers", help="Providers and their circuit breakers.")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]
Channel = Annotated[str | None, Parameter(name="--channel")]


@app.command(name="list")
def list_(*, as_json: AsJson = False) -> None:
    """List the providers that workers have configured, by channel and order of preference.

    Bounces and complaints are those of the last 24 hours. `marketing` is `paused` while they exceed the limits.

    Args:
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        rows = api.call("GET", PATH, query={"limit": 100})["data"]
    shown = rows if as_json else [_with_reputation(row) for row in rows]
    Output(as_json=as_json).table(shown, _COLUMNS, empty="No providers: no worker has run within the last day.")


@app.command(name="open")
def open_(name: str, /, *, channel: Channel = None, as_json: AsJson = False) -> None:
    """Stop sending through a provider until `close` or `auto`. Its messages use the other providers, or wait.

    Args:
        name: The provider's name or id.
        channel: The provider's channel, if two providers have this name.
        as_json: Print JSON.
    """
    _set(name, channel, "open", as_json=as_json)


@app.command
def close(name: str, /, *, channel: Channel = None, as_json: AsJson = False) -> None:
    """Keep sending through a provider until `open` or `auto`, even if it fails.

    Args:
        name: The provider's name or id.
        channel: The provider's channel, if two providers have this name.
        as_json: Print JSON.
    """
    _set(name, channel, "closed", as_json=as_json)


@app.command
def auto(name: str, /, *, channel: Channel = None, as_json: AsJson = False) -> None:
    """Let the workers open and close a provider's breaker again.

    Args:
        name: The provider's name or id.
        channel: The provider's channel, if two providers have this name.
        as_json: Print JSON.
    """
    _set(name, channel, "auto", as_json=as_json)


@app.command
def pause(name: str, /, *, channel: Channel = None, as_json: AsJson = False) -> None:
    """Stop sending marketing through a provider until `resume`. It uses the other providers, or waits.

    Args:
        name: The provider's name or id.
        channel: The provider's channel, if two providers have this name.
        as_json: Print JSON.
    """
    _set_reputation(name, channel, "paused", as_json=as_json)


@app.command
def resume(name: str, /, *, channel: Channel = None, always: bool = False, as_json: AsJson = False) -> None:
    """Send marketing through a provider again. Earlier bounces and complaints no longer count.

    Waiting marketing is sent within 15 minutes. It is paused again if the rates exceed the limits again.

    Args:
        name: The provider's name or id.
        channel: The provider's channel, if two providers have this name.
        always: Disable the automatic pause, until `resume` without this option.
        as_json: Print JSON.
    """
    _set_reputation(name, channel, "active" if always else "auto", as_json=as_json)


@app.command(name="test")
def try_(
    name: str | None = None,
    /,
    *,
    to: str,
    channel: Channel = None,
    watch: bool = False,
    as_json: AsJson = False,
) -> None:
    """Send a test message through exactly one provider, without failover.

    It is an ordinary notification: `angarium status ID` shows the provider's answer. It waits while the provider's
    breaker is open, and expires after ten minutes.

    Exit status with --watch: 0 if it was sent or delivered, else 1.

    Args:
        name: The provider's name or id. Optional if there is only one (of the channel).
        to: An email address, phone number, push token or URL, depending on the provider's channel.
        channel: The provider's channel, if two providers have this name.
        watch: Print each event until the notification has ended.
        as_json: Print JSON.
    """
    output = Output(as_json=as_json)
    with Api(ClientSettings.load()) as api:
        found = _find(api.call("GET", PATH, query={"limit": 100})["data"], name, channel)
        accepted = api.call("POST", f"{PATH}/{found['provider_id']}/test", body={"to": to})["data"]
        if watch:
            watch_to_the_end(api, accepted["notification_id"], output)
            return
    output.thing(accepted, f"{accepted['notification_id']}  {accepted['status']}")


def _set(name: str, channel: str | None, state: str, *, as_json: bool) -> None:
    with Api(ClientSettings.load()) as api:
        found = _find(api.call("GET", PATH, query={"limit": 100})["data"], name, channel)
        after = api.call("POST", f"{PATH}/{found['provider_id']}/breaker", body={"state": state})["data"]
    Output(as_json=as_json).thing(after, f"{after['name']} ({after['channel']}): {after['breaker']}")


def _set_reputation(name: str, channel: str | None, state: str, *, as_json: bool) -> None:
    with Api(ClientSettings.load()) as api:
        found = _find(api.call("GET", PATH, query={"limit": 100})["data"], name, channel)
        after = api.call("POST", f"{PATH}/{found['provider_id']}/reputation", body={"state": state})["data"]
    text = f"{after['name']} ({after['channel']}): marketing {after['reputation']['state']}"
    Output(as_json=as_json).thing(after, text)


def _with_reputation(row: dict[str, Any]) -> dict[str, Any]:
    """The row with the columns `marketing`, `complaints` and `bounces`."""
    reputation = row["reputation"]
    sends = f" of {reputation['sends']}" if reputation["sends"] else ""
    shown = {"marketing": reputation["state"], "complaints": reputation["complaints"]}
    return {**row, **shown, "bounces": f"{reputation['bounces']}{sends}"}


def _find(rows: list[dict[str, Any]], name: str | None, channel: str | None) -> dict[str, Any]:
    found = [
        row for row in rows if name in {None, row["name"], row["provider_id"]} and channel in {None, row["channel"]}
    ]
    if not found:
        what = "No provider" if name is None else f"No provider {name}"
        raise CallFailed(f"{what} found. `angarium providers list` shows all providers.")
    if name is None and len(found) > 1:
        names = ", ".join(f"{row['name']} ({row['channel']})" for row in found)
        raise WrongUsage(f"There are several providers: {names}. Give the name of one.")
    if len(found) > 1:
        channels = ", ".join(row["channel"] for row in found)
        raise WrongUsage(f"Several channels have a provider named {name} ({channels}). Give --channel.")
    return found[0]
