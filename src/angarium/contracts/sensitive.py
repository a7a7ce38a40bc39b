"""Fields that must not be logged."""

from typing import Final

SENSITIVE: Final = frozenset(
    {
        "address",
        "api_key",
        "authorization",
        "bearer",
        "body",
        "content",
        "email",
        "html",
        "key",
        "password",
        "payload",
        "phone",
        "push_token",
        "recipient",
        "secret",
        "service_token",
        "subject",
        "text",
        "to",
        "token",
        "url",
        "variables",
    }
)
"""Keys of bodies, addresses, tokens and secrets, at any depth."""
