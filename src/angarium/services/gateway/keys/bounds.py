"""Checks that no key creates one with more permissions than itself."""

from angarium.contracts.errors import Forbidden
from angarium.contracts.keys import KeyKind
from angarium.platform.auth.caller import Caller
from angarium.platform.settings.values import RateLimit


def kind_of(caller: Caller) -> KeyKind:
    """The kind of a caller's key."""
    return "test" if caller.test else "live"


def require_within(caller: Caller, kind: KeyKind, rate_limit: str | None) -> None:
    """Raise Forbidden if a key of this kind and rate has more permissions than `caller`.

    A rate of None is the default, which exceeds a caller's own rate. Scopes need no check, since only admins, who have
    all scopes, create keys.
    """
    if caller.test and kind == "live":
        raise Forbidden("A test key cannot make, or rotate, a live one")
    own = None if caller.rate_limit is None else RateLimit.parse(caller.rate_limit)
    if own is None:
        return
    wanted = None if rate_limit is None else RateLimit.parse(rate_limit)
    if wanted is None or wanted.per_second > own.per_second:
        raise Forbidden(f"A key limited to {caller.rate_limit} cannot make, or rotate, one with a higher rate")
