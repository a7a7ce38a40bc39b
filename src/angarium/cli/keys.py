"""`angarium keys`: create, list, revoke and rotate API keys."""

from typing import Annotated

from cyclopts import App, Parameter

from angarium.cli.api import Api
from angarium.cli.output import Output, secret_text
from angarium.cli.settings import ClientSettings

PATH = "/api/v1/keys"
_COLUMNS = {
    "id": "key_id",
    "name": "name",
    "kind": "kind",
    "scopes": "scopes",
    "last used": "last_used_at",
    "revoked": "revoked_at",
}

app = App(name="keys", help="API keys.")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


@app.command
def create(
    name: str,
    /,
    *,
    scope: Annotated[list[str], Parameter(negative="")],
    kind: str = "live",
    rate_limit: str | None = None,
    as_json: AsJson = False,
) -> None:
    """Create an API key. It is shown only once.

    Args:
        name: The name of the service that uses the key.
        scope: A permission, for example notifications:send. May be repeated.
        kind: live, or test (nothing is sent).
        rate_limit: The key's rate limit, for example 100/second. Defaults to the configured limit.
        as_json: Print JSON.
    """
    body = {"name": name, "scopes": scope, "kind": kind, "rate_limit": rate_limit}
    with Api(ClientSettings.load()) as api:
        made = api.call("POST", PATH, body=body)["data"]
    Output(as_json=as_json).thing(made, secret_text({"Key id": made["key_id"], "Key": made["key"]}))


@app.command(name="list")
def list_(*, page: int = 1, limit: int = 50, as_json: AsJson = False) -> None:
    """List the keys, newest first.

    Args:
        page: The page, from 1.
        limit: Keys per page, at most 100.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        rows = api.call("GET", PATH, query={"page": page, "limit": limit})["data"]
    Output(as_json=as_json).table(rows, _COLUMNS, empty="No keys.")


@app.command
def revoke(key_id: str, /, *, as_json: AsJson = False) -> None:
    """Revoke an API key. It stops working within 60 s.

    Args:
        key_id: The key's id.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        api.call("DELETE", f"{PATH}/{key_id}")
    Output(as_json=as_json).thing({"key_id": key_id, "revoked": True}, f"Revoked {key_id}.")


@app.command
def rotate(key_id: str, /, *, as_json: AsJson = False) -> None:
    """Replace an API key with a new one that has the same name and scopes. The new key is shown only once.

    Args:
        key_id: The key's id.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        made = api.call("POST", f"{PATH}/{key_id}/rotate")["data"]
    Output(as_json=as_json).thing(made, secret_text({"Key id": made["key_id"], "Key": made["key"]}))
