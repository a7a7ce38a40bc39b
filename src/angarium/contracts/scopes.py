"""What a key or token may do."""

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
    ADMIN = "admin"  # all of them
