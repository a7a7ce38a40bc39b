"""`angarium operators`: create, list and revoke accounts of the dashboard."""

import sys
from typing import Annotated, Literal

from cyclopts import App, Parameter

from angarium.cli.api import Api
from angarium.cli.output import Output
from angarium.cli.settings import ClientSettings

PATH = "/api/v1/operators"
_COLUMNS = {"id": "operator_id", "name": "name", "role": "role", "signed in": "signed_in_at"}

app = App(name="operators", help="Accounts of the dashboard.")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


@app.command
def create(
    name: str,
    /,
    *,
    role: Literal["viewer", "operator", "editor", "admin"] = "viewer",
    password_stdin: Annotated[bool, Parameter(negative="")] = False,
    as_json: AsJson = False,
) -> None:
    """Create an account. Without --password-stdin, a password is generated and shown only once.

    Args:
        name: The name to sign in with.
        role: The operator's permissions.
        password_stdin: Read the password from standard input. At least 12 characters.
        as_json: Print JSON.
    """
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else None
    with Api(ClientSettings.load()) as api:
        made = api.call("POST", PATH, body={"name": name, "role": role, "password": password})["data"]
    lines = [f"Operator  {made['name']} ({made['role']})"]
    if made["password"] is not None:
        lines += [f"Password  {made['password']}", "", "Copy the password now: it is shown only once."]
    Output(as_json=as_json).thing(made, "\n".join(lines))


@app.command(name="list")
def list_(*, page: int = 1, limit: int = 50, as_json: AsJson = False) -> None:
    """List the accounts, sorted by name.

    Args:
        page: The page, from 1.
        limit: Accounts per page, at most 100.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        rows = api.call("GET", PATH, query={"page": page, "limit": limit})["data"]
    Output(as_json=as_json).table(rows, _COLUMNS, empty="No operators.")


@app.command
def revoke(operator_id: str, /, *, as_json: AsJson = False) -> None:
    """Delete an account and end its sessions immediately.

    Args:
        operator_id: The account's id.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        api.call("DELETE", f"{PATH}/{operator_id}")
    Output(as_json=as_json).thing({"operator_id": operator_id, "revoked": True}, f"Revoked {operator_id}.")
