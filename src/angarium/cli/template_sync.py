"""Compares local templates with the published ones, and publishes those that differ."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from angarium.cli.api import Api, CallFailed
from angarium.cli.template_checks import Checked
from angarium.rendering.fragments import Fragment, references
from angarium.services.templates.drafting.model import Source

PATH = "/api/v1/templates"
_PAGE = 100
_COMPARED = (
    "name",
    "description",
    "channel",
    "language",
    "required_variables",
    "defaults",
    "category",
    "delivery_policy",
    "retry_delays",
    "translations",
)


def published(api: Api, code: str) -> Mapping[str, Any] | None:
    """The published version of a code as the API returns it, None if there is none. Raises CallFailed."""
    try:
        view: Mapping[str, Any] = api.call("GET", f"{PATH}/{code}")["data"]
    except CallFailed as error:
        if error.code == "template_not_found":
            return None
        raise
    return view


def all_published(api: Api) -> Iterator[Mapping[str, Any]]:
    """All published templates, sorted by code. Raises CallFailed."""
    cursor = None
    while True:
        answer = api.call("GET", PATH, query={"limit": _PAGE, "cursor": cursor})
        yield from answer["data"]
        cursor = answer["meta"].get("next_cursor")
        if cursor is None:
            return


def fetch_fragments(api: Api, codes: Iterable[str]) -> dict[str, Fragment]:
    """The published templates among `codes`, with the layouts and partials they use. Raises CallFailed."""
    found: dict[str, Fragment] = {}
    wanted = list(codes)
    while wanted:
        code = wanted.pop()
        view = published(api, code) if code not in found else None
        if view is not None:
            found[code] = Fragment(view["version"], view["language"], _parts(view), view["translations"])
            wanted += references(found[code].sources())
    return found


def push_one(api: Api, checked: Checked, versions: dict[str, int], *, dry_run: bool) -> dict[str, Any]:
    """Publish a template if it, or a layout or partial that it uses, has changed. With `dry_run`, only compare.

    `versions` has the published versions by code; the result is added to it. Returns `{"code", "action": "created" |
    "updated" | "unchanged", "version"}`. Raises CallFailed.
    """
    code = checked.body.code
    before = published(api, code)
    if before is not None and _same(before, checked.source, versions):
        return _done(code, "unchanged", before["version"], versions)
    action = "created" if before is None else "updated"
    if dry_run:
        return _done(code, action, 1 if before is None else before["version"] + 1, versions)
    body = checked.body.model_dump(mode="json", exclude_none=True) | {"category": checked.body.category}
    if before is None:
        made = api.call("POST", PATH, body=body)["data"]
    else:
        body = {name: value for name, value in body.items() if name != "code"}
        body |= {"name": checked.source.name, "description": checked.source.description}
        body["retry_delays"] = checked.body.retry_delays
        draft = api.call("POST", f"{PATH}/{code}/versions", body=body)["data"]
        made = api.call("POST", f"{PATH}/{code}/versions/{draft['version']}/publish")["data"]
    return _done(code, action, made["version"], versions)


def _done(code: str, action: str, version: int, versions: dict[str, int]) -> dict[str, Any]:
    versions[code] = version
    return {"code": code, "action": action, "version": version}


def _same(view: Mapping[str, Any], source: Source, versions: Mapping[str, int]) -> bool:
    ours = source.model_dump(mode="json")
    if any(view[name] != ours[name] for name in _COMPARED) or _parts(view) != source.parts:
        return False
    theirs = view.get("includes", {})
    return set(theirs) == set(source.includes) and all(versions.get(code) == theirs[code] for code in theirs)


def _parts(view: Mapping[str, Any]) -> dict[str, str]:
    """The parts in the template's own language."""
    from angarium.contracts.templates import PARTS

    return {part: view[part] for part in PARTS if view.get(part) is not None}
