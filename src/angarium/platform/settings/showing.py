"""Settings for display, without secrets."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from angarium.platform.settings.sources import variable
from angarium.platform.settings.values import Countries, ProviderUrl, RateLimit

SET, UNSET = "set", "–"


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting: its variable, and its value or `set`. `given`: it differs from the default."""

    name: str
    value: str
    given: bool


def shown(groups: Iterable[BaseModel]) -> Sequence[Shown]:
    """Every field of the settings `groups` once, by name.

    A secret is shown as `set`. URLs are reduced to scheme, hosts and path, providers to scheme, host and name, since
    the rest may contain credentials.
    """
    found: dict[str, Shown] = {}
    for group in groups:
        for field, info in type(group).model_fields.items():
            value = getattr(group, field)
            text = _text(value, hidden=not info.repr, is_url=field.endswith("_url"))
            given = field in group.model_fields_set
            if field not in found or (given and not found[field].given):
                found[field] = Shown(variable(field), text, given)
    return [found[field] for field in sorted(found)]


def _text(value: Any, *, hidden: bool, is_url: bool) -> str:
    """The value as text. Unless a field is known not to be secret (`hidden`), only known forms are shown."""
    if value is None or value == ():
        return UNSET
    if isinstance(value, SecretStr):
        return SET
    if isinstance(value, str) and ("://" in value or is_url):
        return _without_credentials(value)
    if isinstance(value, tuple):
        return ", ".join(_text(item, hidden=hidden, is_url=is_url) for item in value)
    if isinstance(value, ProviderUrl):
        return _provider(value)
    return SET if hidden else _plain(value)


def _provider(url: ProviderUrl) -> str:
    """Shows the host only if it cannot be a key: a mistaken `sendgrid://KEY` without `@api` must not be shown."""
    known = url.scheme == "smtp" or url.username is not None
    shown_as = f"{url.scheme}://{url.host or ''}" if known else f"{url.scheme}://"
    return shown_as if url.name is None else f"{shown_as} ({url.name})"


def _plain(value: Any) -> str:
    match value:
        case timedelta():
            return f"{value.total_seconds():g} s"
        case RateLimit():
            return f"{value.count} in {value.period.total_seconds():g} s"
        case Countries():
            return ("+" if value.allowed else "-") + ",".join(sorted(value.codes))
        case Path():
            return str(value)
        case _:
            return str(value)


def _without_credentials(url: str) -> str:
    """Scheme, hosts and path, without user, password and query. Hidden completely without a scheme."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return SET
    return f"{scheme}://{rest.rpartition('@')[2].partition('?')[0].partition('#')[0]}"
