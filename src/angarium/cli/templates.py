"""`angarium templates`: templates as files, checked locally and published to the gateway."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from angarium.cli.api import Api, CallFailed
from angarium.cli.output import Output
from angarium.cli.settings import ClientSettings
from angarium.cli.usage import WrongUsage, counted
from angarium.cli.variables import variable
from angarium.contracts.statuses import Channel

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from angarium.cli.template_checks import Checked
    from angarium.cli.template_files import FileProblem
    from angarium.contracts.templates import TemplateCreate
    from angarium.rendering.fragments import Fragments

_PUSHED = {"code": "code", "action": "action", "version": "version"}
_PLANNED = {"created": "would be created", "updated": "would be updated", "unchanged": "unchanged"}
_PULLED = {"code": "code", "version": "version", "folder": "folder"}
_FAULTS = {"file": "file", "line": "line", "column": "column", "field": "field", "message": "message"}
_LISTED = {"code": "code", "name": "name", "channel": "channel", "version": "version", "updated": "updated_at"}

app = App(name="templates", help="Templates as files, for use with git.")

AsJson = Annotated[bool, Parameter(name="--json", negative="")]
Flag = Annotated[bool, Parameter(negative="")]


@app.command
def push(
    folder: Path | None = None, /, *, starters: Flag = False, dry_run: Flag = False, as_json: AsJson = False
) -> None:
    """Publish the templates of a folder. Templates that have not changed get no new version.

    Args:
        folder: The folder, which has a subfolder for each template.
        starters: Publish the starter templates that come with Angarium instead.
        dry_run: Only show what would change; nothing is published.
        as_json: Print JSON.
    """
    from angarium.cli.template_checks import named_elsewhere
    from angarium.cli.template_sync import fetch_fragments, push_one

    output = Output(as_json=as_json)
    bodies = _read(_root(folder, starters=starters), output)
    with Api(ClientSettings.load()) as api:
        elsewhere = fetch_fragments(api, named_elsewhere(bodies))
        checked = _check(bodies, elsewhere, output)
        versions = {code: fragment.version for code, fragment in elsewhere.items()}
        rows = [push_one(api, template, versions, dry_run=dry_run) for template in checked.values()]
    if dry_run and not as_json:
        rows = [row | {"action": _PLANNED[row["action"]]} for row in rows]
    output.table(rows, _PUSHED, empty="No templates.")
    if dry_run and not as_json:
        sys.stderr.write("Dry run: nothing was published.\n")


@app.command
def pull(folder: Path, /, *codes: str, as_json: AsJson = False) -> None:
    """Download published templates to a folder. Unchanged templates give identical files.

    Args:
        folder: The folder. Created if it does not exist.
        codes: Only these templates.
        as_json: Print JSON.
    """
    from angarium.cli.template_files import write_template
    from angarium.cli.template_sync import all_published

    rows = []
    with Api(ClientSettings.load()) as api:
        for view in all_published(api):
            if not codes or view["code"] in codes:
                written = write_template(folder, view)
                rows.append({"code": view["code"], "version": view["version"], "folder": str(written)})
    if missing := sorted(set(codes).difference(row["code"] for row in rows)):
        raise CallFailed(f"no such template: {', '.join(missing)}")
    Output(as_json=as_json).table(rows, _PULLED, empty="No templates.")


@app.command
def lint(folder: Path | None = None, /, *, starters: Flag = False, as_json: AsJson = False) -> None:
    """Check the templates of a folder without a server. Exits with status 1 if there are errors.

    Args:
        folder: The folder, which has a subfolder for each template.
        starters: Check the starter templates that come with Angarium instead.
        as_json: Print JSON.
    """
    output = Output(as_json=as_json)
    bodies = _read(_root(folder, starters=starters), output)
    checked = _check(bodies, {}, output)
    rows: list[dict[str, Any]] = []
    output.table(rows, _FAULTS, empty=f"{counted(len(checked), 'template')}, no errors.")


@app.command(name="list")
def list_(*, starters: Flag = False, as_json: AsJson = False) -> None:
    """List published templates.

    Args:
        starters: List the starter templates that come with Angarium instead.
        as_json: Print JSON.
    """
    output = Output(as_json=as_json)
    if starters:
        bodies = _read(_root(None, starters=True), output)
        rows = [{"code": code, "name": body.name, "channel": body.channel.value} for code, body in bodies.items()]
        output.table(rows, dict(list(_LISTED.items())[:3]), empty="No templates.")
        return
    from angarium.cli.template_sync import all_published

    with Api(ClientSettings.load()) as api:
        output.table(list(all_published(api)), _LISTED, empty="No templates.")


@app.command
def preview(
    code: str,
    /,
    *,
    var: Annotated[list[str] | None, Parameter(negative="")] = None,
    channel: Channel | None = None,
    version: int | None = None,
    locale: str | None = None,
    as_json: AsJson = False,
) -> None:
    """Render a template without sending it.

    Args:
        code: The template's code.
        var: A template variable as NAME=VALUE, where VALUE may be JSON. May be repeated.
        channel: The channel to render for. Defaults to the template's.
        version: The version. Defaults to the published one.
        locale: The language. Defaults to the template's.
        as_json: Print JSON.
    """
    asked = {"channel": channel, "version": version, "locale": locale}
    body = {"variables": dict(variable(item) for item in var or ())} | {k: v for k, v in asked.items() if v is not None}
    with Api(ClientSettings.load()) as api:
        made = api.call("POST", f"/api/v1/templates/{code}/preview", body=body)["data"]
    missing = made.get("missing_variables")
    parts = [f"{name}: {value}" for name, value in made.items() if value is not None and name != "missing_variables"]
    Output(as_json=as_json).thing(made, "\n".join(parts))
    if missing:
        sys.stderr.write(f"Missing variables: {', '.join(missing)}\n")


def _root(folder: Path | None, *, starters: bool) -> "Traversable":
    from importlib.resources import files

    if (folder is None) != starters:
        raise WrongUsage("give exactly one of a folder and --starters")
    if folder is None:
        return files("angarium.services.templates").joinpath("starters")
    if not folder.is_dir():
        raise CallFailed(f"{folder} is not a directory")
    return folder


def _read(root: "Traversable", output: Output) -> "Mapping[str, TemplateCreate]":
    from angarium.cli.template_checks import read_all

    bodies, problems = read_all(root)
    _refuse(problems, output)
    return bodies


def _check(bodies: "Mapping[str, TemplateCreate]", elsewhere: "Fragments", output: Output) -> "Mapping[str, Checked]":
    from angarium.cli.template_checks import check_all

    checked, problems = check_all(bodies, elsewhere)
    _refuse(problems, output)
    return checked


def _refuse(problems: "Sequence[FileProblem]", output: Output) -> None:
    if problems:
        output.table([asdict(problem) for problem in problems], _FAULTS, empty="")
        raise CallFailed(counted(len(problems), "error"))
