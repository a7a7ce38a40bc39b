"""Detects secrets that are too weak for production."""

import re

EXAMPLE_WORDS = ("change-me", "change_me", "changeme", "example", "insecure", "placeholder", "replace-me")
FEWEST_CHARACTERS = 32
"""Minimum characters of a secret that signs or can be attacked offline: 128 bits in hex (RFC 7518 §3.2 requires the
hash's size)."""
FEWEST_DIFFERENT = 8
"""Minimum distinct characters. Of a million random secrets of 32 hex digits, three have fewer."""
_DEFAULT_PASSWORDS = frozenset({"guest", "development"})
"""The defaults of RabbitMQ and of compose.yaml."""
_PASSWORD = re.compile(r"(?<=:)[^:@/]+(?=@)")


def is_example(secret: str) -> bool:
    """Whether it is an example from the documentation."""
    return any(word in secret.lower() for word in EXAMPLE_WORDS)


def weakness(secret: str) -> str | None:
    """Why a secret that must be random is too weak, without showing it; None if it is acceptable."""
    if is_example(secret):
        return "an example secret"
    if len(secret.encode()) < FEWEST_CHARACTERS:
        return f"a secret of fewer than {FEWEST_CHARACTERS} bytes"
    if len(set(secret)) < FEWEST_DIFFERENT:
        return f"a secret of fewer than {FEWEST_DIFFERENT} different characters"
    return None


def default_password(url: str) -> str | None:
    """Why a password in `url`, which may name several hosts, is weak; None if it has no default password."""
    for password in _PASSWORD.findall(url):
        if password in _DEFAULT_PASSWORDS:
            return f"the password {password}"
        if is_example(password):
            return "an example password"
    return None
