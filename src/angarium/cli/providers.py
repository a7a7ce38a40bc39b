"""`angarium providers`: configured providers and their circuit breakers."""

from typing import Annotated, Any

from cyclopts import App, Parameter

from angarium.cli.api import Api, CallFailed
from angarium.cli.output import Output
from angarium.cli.settings import ClientSettings

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
    "reason": "reason",
}

app = App(name="providers", help="Providers and their circuit breakers.")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]
Channel = Annotated[str | None, Parameter(name="--channel")]


@app.command(name="list")
def list_(*, as_json: AsJson = False) -> None:
    """List the providers that workers have configured, by channel and order of preference.

    Args:
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        rows = api.call("GET", PATH, query={"limit": 100})["data"]
    Output(as_json=as_json).table(rows, _COLUMNS, empty="No providers: no worker has run within the last day.")


@app.command(name="open")
def open_(name: str, /, *, channel: Channel = None, as_json: AsJson = False) -> None:
    """Send nothing through a provider until further notice. Its messages go by the others, or wait.

    Args:
        name: The provider's name or id.
        channel: Its channel, where two providers have the name.
        as_json: Print JSON.
    """
    _set(name, channel, "open", as_json=as_json)


@app.command
def close(name: str, /, *, channel: Channel = None, as_json: AsJson = False) -> None:
    """Send through a provider until further notice, whatever it answers.

    Args:
        name: The provider's name or id.
        channel: Its channel, where two providers have the name.
        as_json: Print JSON.
    """
    _set(name, channel, "closed", as_json=as_json)


@app.command
def auto(name: str, /, *, channel: Channel = None, as_json: AsJson = False) -> None:
    """Leave a provider's breaker to the workers again.

    Args:
        name: The provider's name or id.
        channel: Its channel, where two providers have the name.
        as_json: Print JSON.
    """
    _set(name, channel, "auto", as_json=as_json)


def _set(name: str, channel: str | None, state: str, *, as_json: bool) -> None:
    with Api(ClientSettings.load()) as api:
        found = _find(api.call("GET", PATH, query={"limit": 100})["data"], name, channel)
        after = api.call("POST", f"{PATH}/{found['provider_id']}/breaker", body={"state": state})["data"]
    Output(as_json=as_json).thing(after, f"{after['name']} ({after['channel']}): {after['breaker']}")


def _find(rows: list[dict[str, Any]], name: str, channel: str | None) -> dict[str, Any]:
    found = [row for row in rows if name in {row["name"], row["provider_id"]} and channel in {None, row["channel"]}]
    if not found:
        raise CallFailed(f"There is no provider {name}. `angarium providers list` shows them.")
    if len(found) > 1:
        channels = ", ".join(row["channel"] for row in found)
        raise CallFailed(f"{name} is a provider of several channels ({channels}): give --channel.")
    return found[0]
