"""`angarium doctor`: checks the settings, the gateway and the API key."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from typing import Annotated, Any

import httpx2
from cyclopts import Parameter

from angarium.cli.output import Output
from angarium.cli.settings import PROCESSES, ClientSettings
from angarium.contracts.errors import SettingsError

_COLUMNS = {"check": "check", "result": "result", "detail": "detail"}
_TIMEOUT = 10.0
_LISTS = {"notifications": "/api/v1/notifications", "users": "/api/v1/users", "templates": "/api/v1/templates"}
_KEY_ANSWERS = {
    HTTPStatus.UNAUTHORIZED: (False, "the key is not valid"),
    HTTPStatus.FORBIDDEN: (True, "the key does not have the scope for this"),
}
"""Statuses that concern the key: whether the check passes, and its detail."""


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check: `ok` or `failed`, with an optional detail."""

    check: str
    result: str
    detail: str

    @classmethod
    def of(cls, check: str, good: bool, detail: str = "") -> "Check":
        """A check with the result `ok` if `good`, else `failed`."""
        return cls(check, "ok" if good else "failed", detail)


def doctor(*, as_json: Annotated[bool, Parameter(name="--json", negative="")] = False) -> None:
    """Check the local settings, the gateway, its dependencies and the API key. Changes nothing.

    Exit status: 0 if every check passed, 1 if one failed.

    Args:
        as_json: Print JSON.
    """
    checks = [*_settings(), *_gateway()]
    Output(as_json=as_json).table([asdict(check) for check in checks], _COLUMNS, empty="")
    if any(check.result == "failed" for check in checks):
        sys.exit(1)


def _settings() -> Iterator[Check]:
    for kind in PROCESSES:
        name = f"settings of {kind.__name__.removesuffix('Settings').lower()}"
        try:
            kind.load()
        except SettingsError as error:
            yield Check.of(name, good=False, detail=str(error))
        else:
            yield Check.of(name, good=True)


def _gateway() -> Sequence[Check]:
    try:
        settings = ClientSettings.load()
        headers = {"X-API-Key": settings.key()}
    except SettingsError as error:
        return [Check.of("key", good=False, detail=str(error))]
    try:
        with httpx2.Client(base_url=settings.gateway_url, headers=headers, timeout=_TIMEOUT, trust_env=False) as client:
            return [*_ready(client, settings.gateway_url), *(_listed(client, *one) for one in _LISTS.items())]
    except (httpx2.TransportError, ValueError) as error:
        return [Check.of("gateway", good=False, detail=f"{settings.gateway_url}: {type(error).__name__}")]


def _ready(client: httpx2.Client, url: str) -> Iterator[Check]:
    answer = client.get("/ready")
    found: dict[str, Any] = answer.json()
    yield Check.of("gateway", good=answer.is_success, detail=f"{url} is {found.get('status', answer.status_code)}")
    reasons = found.get("reasons") or {}
    for name, state in (found.get("dependencies") or {}).items():
        yield Check.of(f"gateway's {name}", good=state != "down", detail=reasons.get(name, state))


def _listed(client: httpx2.Client, name: str, path: str) -> Check:
    answer = client.get(path, params={"limit": 1})
    good, detail = _KEY_ANSWERS.get(HTTPStatus(answer.status_code), (answer.is_success, ""))
    return Check.of(name, good=good, detail=detail or ("" if good else f"answered {answer.status_code}"))
