"""`angarium suppressions`: list, add, remove, import and export suppressed addresses."""

import sys
from csv import DictReader
from io import StringIO
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from angarium.cli.api import Api, CallFailed
from angarium.cli.output import Output
from angarium.cli.settings import ClientSettings
from angarium.cli.usage import counted

PATH = "/api/v1/suppressions"
_COLUMNS = {
    "id": "id",
    "channel": "channel",
    "address": "address",
    "reason": "reason",
    "source": "source",
    "since": "created_at",
    "until": "expires_at",
}
_FAULTS = {"line": "line", "field": "field", "message": "message"}

app = App(name="suppressions", help="Addresses that receive no messages.")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]
Channel = Literal["email", "sms"]
Reason = Literal["hard_bounce", "soft_bounce", "complaint", "opt_out", "manual"]


@app.command(name="list")
def list_(
    *,
    channel: Channel | None = None,
    address: str | None = None,
    reason: Reason | None = None,
    page: int = 1,
    limit: int = 50,
    as_json: AsJson = False,
) -> None:
    """List the suppressed addresses, newest first.

    Args:
        channel: email or sms.
        address: Only this address.
        reason: Only this reason.
        page: The page, from 1.
        limit: Entries per page, at most 100.
        as_json: Print JSON.
    """
    query = {"channel": channel, "address": address, "reason": reason, "page": page, "limit": limit}
    with Api(ClientSettings.load()) as api:
        rows = api.call("GET", PATH, query=query)["data"]
    Output(as_json=as_json).table(rows, _COLUMNS, empty="No suppressed addresses.")


@app.command
def add(
    channel: Channel,
    address: str,
    /,
    *,
    reason: Reason = "manual",
    source: str = "cli",
    expires_at: str | None = None,
    as_json: AsJson = False,
) -> None:
    """Suppress an address: nothing is sent to it from now on.

    Args:
        channel: email or sms.
        address: The email address, or the phone number with its country code.
        reason: Why the address is suppressed.
        source: The origin of the entry, such as the name of a system.
        expires_at: When the entry expires, for example 2027-01-31T00:00:00Z. Without it, the entry does not expire.
        as_json: Print JSON.
    """
    body = {"channel": channel, "address": address, "reason": reason, "source": source, "expires_at": expires_at}
    with Api(ClientSettings.load()) as api:
        made = api.call("POST", PATH, body=body)["data"]
    Output(as_json=as_json).thing(made, f"Suppressed {made['address']} ({made['reason']}): {made['id']}")


@app.command
def remove(suppression_id: str, /, *, as_json: AsJson = False) -> None:
    """Remove an entry. Entries of the same address for other reasons are kept.

    Args:
        suppression_id: The entry's id.
        as_json: Print JSON.
    """
    with Api(ClientSettings.load()) as api:
        api.call("DELETE", f"{PATH}/{suppression_id}")
    Output(as_json=as_json).thing({"id": suppression_id, "removed": True}, f"Removed {suppression_id}.")


@app.command(name="import")
def import_(file: Path, /, *, as_json: AsJson = False) -> None:
    """Suppress the addresses of a CSV file with a header line, at most 10,000 rows.

    Columns: channel, address, and optionally reason, source, expires_at. Invalid rows are skipped and reported.

    Args:
        file: The file.
        as_json: Print the report as JSON.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CallFailed(f"{file}: {error.strerror}") from None
    with Api(ClientSettings.load()) as api:
        report = api.call("POST", f"{PATH}/import", content=content, content_type="text/csv")["data"]
    output = Output(as_json=as_json)
    output.thing(report, "{added} added, {changed} changed, {refused} refused.".format_map(report))
    if report["faults"] and not as_json:
        output.table(report["faults"], _FAULTS, empty="")
    if report["refused"]:
        raise CallFailed(f"not imported: {counted(report['refused'], 'row')}")


@app.command
def export(
    file: Path | None = None,
    /,
    *,
    channel: Channel | None = None,
    reason: Reason | None = None,
    as_json: AsJson = False,
) -> None:
    """Write the suppressed addresses as CSV, which `import` accepts.

    Args:
        file: The file to write. Defaults to standard output.
        channel: email or sms.
        reason: Only this reason.
        as_json: Print the entries as JSON or, with a file, its name and size.
    """
    with Api(ClientSettings.load()) as api:
        content = api.download(f"{PATH}/export", query={"channel": channel, "reason": reason})
    if file is None and as_json:
        rows = [{name: value or None for name, value in row.items()} for row in DictReader(StringIO(content.decode()))]
        Output(as_json=True).table(rows, {}, empty="")
        return
    if file is None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        file.write_bytes(content)
    except OSError as error:
        raise CallFailed(f"{file}: {error.strerror}") from None
    Output(as_json=as_json).thing({"file": str(file), "bytes": len(content)}, f"Wrote {file}.")
