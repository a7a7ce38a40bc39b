"""No key makes one that may do more than itself."""

from angarium.contracts.errors import Forbidden
from angarium.contracts.keys import KeyKind
from angarium.platform.auth.caller import Caller
from angarium.platform.settings.values import RateLimit


def kind_of(caller: Caller) -> KeyKind:
    """The kind of a caller's key."""
    return "test" if caller.test else "live"


def require_within(caller: Caller, kind: KeyKind, rate_limit: str | None) -> None:
    """Raise Forbidden where a key of this kind and rate may do more than `caller`.

    A rate of None is the default one, which is more than a caller's own. Scopes need no check: only an admin, who has
    all of them, makes keys.
    """
    if caller.test and kind == "live":
        raise Forbidden("A test key cannot make, or rotate, a live one")
    own = None if caller.rate_limit is None else RateLimit.parse(caller.rate_limit)
    if own is None:
        return
    wanted = None if rate_limit is None else RateLimit.parse(rate_limit)
    if wanted is None or wanted.per_second > own.per_second:
        raise Forbidden(f"A key limited to {caller.rate_limit} cannot make, or rotate, one with a higher rate")
