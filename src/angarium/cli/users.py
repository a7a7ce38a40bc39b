"""`angarium users`: import users from a file."""

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from angarium.cli.api import Api, CallFailed
from angarium.cli.output import Output
from angarium.cli.settings import ClientSettings

PATH = "/api/v1/users/import"
_JSON_LINES = frozenset({".ndjson", ".jsonl"})
_PAUSE = 0.3
_COLUMNS = {"line": "line", "field": "field", "message": "message"}

app = App(name="users", help="Users.")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]


@app.command(name="import")
def import_(file: Path, /, *, upsert: bool = False, as_json: AsJson = False) -> None:
    """Import users from a CSV file with a header line, or from JSON lines (.ndjson, .jsonl). At most 16 MB.

    Invalid rows are skipped and reported with their line numbers.

    Args:
        file: The file.
        upsert: If a user with the row's email exists, update it. Without this option the row is refused.
        as_json: Print the report as JSON.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CallFailed(f"{file}: {error.strerror}") from None
    kind = "application/x-ndjson" if file.suffix.lower() in _JSON_LINES else "text/csv"
    with Api(ClientSettings.load()) as api:
        query = {"upsert": "true"} if upsert else None
        started = api.call("POST", PATH, content=content, content_type=kind, query=query)["data"]
        report = _watch(api, started)
    output = Output(as_json=as_json)
    output.thing(report, _summary(report))
    if report["errors"] and not as_json:
        output.table(report["errors"], _COLUMNS, empty="")
    if report["status"] != "finished" or report["failed"]:
        raise CallFailed(f"{report['failed']} of {report['total']} rows were not imported (import {report['status']})")


def _watch(api: Api, report: Mapping[str, Any]) -> Mapping[str, Any]:
    """Wait for the import and return its report. Shows a progress bar on standard error."""
    columns = (TextColumn("Importing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        bar = progress.add_task("import", total=report["total"])
        while report["status"] == "running":
            time.sleep(_PAUSE)
            report = api.call("GET", f"/api/v1/users/imports/{report['import_id']}")["data"]
            progress.update(bar, completed=report["processed"])
    return report


def _summary(report: Mapping[str, Any]) -> str:
    return "{total} rows: {created} created, {updated} updated, {failed} failed.".format_map(report)
