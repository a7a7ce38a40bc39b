"""`angarium tenants`: the tenants that share this deployment."""

from typing import Annotated

from cyclopts import App, Parameter

from angarium.cli.api import Api
from angarium.cli.output import Output, secret_text
from angarium.cli.settings import ClientSettings

PATH = "/api/v1/tenants"
_COLUMNS = {"tenant": "tenant", "name": "name", "created": "created_at"}

app = App(name="tenants", help="Tenants.")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


@app.command
def create(tenant: str, /, *, name: str | None = None, as_json: AsJson = False) -> None:
    """Create a tenant and its first API key, which has all scopes. The key is shown only once.

    Args:
        tenant: The id. Lower-case letters, digits, - and _.
        name: The display name.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        made = api.call("POST", PATH, body={"tenant": tenant, "name": name})["data"]
    Output(as_json=as_json).thing(made, secret_text({"Tenant": made["tenant"], "Key": made["key"]}))


@app.command(name="list")
def list_(*, page: int = 1, limit: int = 50, as_json: AsJson = False) -> None:
    """List the tenants.

    Args:
        page: The page, from 1.
        limit: Tenants per page, at most 100.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        rows = api.call("GET", PATH, query={"page": page, "limit": limit})["data"]
    Output(as_json=as_json).table(rows, _COLUMNS, empty="No tenants.")
