"""The permissions of keys and tokens."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """A permission named in keys and in a token's `scope` claim."""

    NOTIFICATIONS_SEND = "notifications:send"
    NOTIFICATIONS_READ = "notifications:read"
    DEAD_LETTERS_MANAGE = "dead_letters:manage"
    USERS_READ = "users:read"
    USERS_WRITE = "users:write"
    TEMPLATES_READ = "templates:read"
    TEMPLATES_WRITE = "templates:write"
    PROVIDERS_MANAGE = "providers:manage"
    SUPPRESSIONS_MANAGE = "suppressions:manage"
    ADMIN = "admin"  # all of them


def known_scopes(words: Iterable[str]) -> frozenset[Scope]:
    """The scopes among `words`. Unknown words are ignored."""
    known = {scope.value: scope for scope in Scope}
    return frozenset(known[word] for word in words if word in known)
