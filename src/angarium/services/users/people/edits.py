"""Pure functions that apply request bodies to a person."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from angarium.contracts.addresses import Network, endpoint_url
from angarium.contracts.errors import Detail, ValidationFailed
from angarium.contracts.preferences import PreferencesPatch
from angarium.contracts.statuses import ADDRESS_NAMES
from angarium.contracts.users import Preferences, UserCreate, UserPatch
from angarium.services.users.people.addresses import canonical
from angarium.services.users.people.model import Person
from angarium.services.users.people.preferences import merged
from angarium.services.users.people.push_token import with_push_token

_ADDRESSES = ("email", "phone", "timezone", "push_token", "webhook")
_REQUIRED = ("name", "preferences")
_PLAIN = frozenset({"name", "email", "phone", "push_token", "webhook", "locale", "timezone", "metadata"})


@dataclass(frozen=True, slots=True)
class Stamp:
    """Inputs of an edit: an id for a new device, the hash of a password, the time.

    `allowed`: address ranges in which a webhook may be plain http.
    """

    device_id: UUID
    now: datetime
    password_hash: str | None = None
    allowed: Sequence[Network] = ()


def new_person(tenant: str, user_id: UUID, body: UserCreate, stamp: Stamp) -> Person:
    """Create a person from `body`. Raises ValidationFailed."""
    blank = Person(
        user_id=user_id,
        tenant=tenant,
        name=body.name,
        email=None,
        phone=None,
        password_hash=None,
        preferences=Preferences(),
        locale=None,
        timezone=None,
        metadata={},
        created_at=stamp.now,
        updated_at=stamp.now,
    )
    return _applied(blank, body.model_dump(include=set(_PLAIN)), body, stamp)


def is_repeat(owner: Person, person: Person, body: UserCreate) -> bool:
    """Whether `body`, from which `person` would be created, matches the existing `owner`.

    The password itself is not compared. Preferences that the body omits may differ.
    """
    same = all(getattr(owner, name) == getattr(person, name) for name in _PLAIN)
    has_password = owner.password_hash is not None
    wishes = _wishes(owner.preferences, body.preferences)
    return same and wishes == owner.preferences and has_password is (body.password is not None)


def amended(person: Person, body: UserPatch, stamp: Stamp) -> Person:
    """Apply the given fields of `body` to `person`; null removes an address, the locale, the timezone or the metadata.

    Raises ValidationFailed.
    """
    named = body.model_fields_set
    nulls = [name for name in _REQUIRED if name in named and getattr(body, name) is None]
    if nulls:
        raise ValidationFailed(details=[Detail(name, "must not be null") for name in nulls])
    values = body.model_dump(include=named & _PLAIN)
    if "metadata" in values:
        values["metadata"] = values["metadata"] or {}
    after = _applied(person, values, body, stamp)
    if not after.reachable:
        raise ValidationFailed.of("email", f"one of {ADDRESS_NAMES} is required")
    return after


def _applied(person: Person, values: Mapping[str, Any], body: UserCreate | UserPatch, stamp: Stamp) -> Person:
    _check_webhook(values.get("webhook"), stamp.allowed)
    kept = {**values, **canonical({name: values[name] for name in _ADDRESSES if name in values})}
    named_token, token = "push_token" in kept, kept.pop("push_token", None)
    after = replace(person, **kept, preferences=_wishes(person.preferences, body.preferences))
    if "password" in body.model_fields_set:
        after = replace(after, password_hash=stamp.password_hash)
    return with_push_token(after, token, device_id=stamp.device_id, now=stamp.now) if named_token else after


def _check_webhook(url: str | None, allowed: Sequence[Network]) -> None:
    try:
        if url is not None:
            endpoint_url(url, allowed)
    except ValueError as error:
        raise ValidationFailed.of("webhook", str(error)) from None


def _wishes(old: Preferences, patch: PreferencesPatch | None) -> Preferences:
    return merged(old, patch, path="preferences.") if patch is not None else old
