"""Which secrets are too weak for production."""

import re

EXAMPLE_WORDS = ("change-me", "change_me", "changeme", "example", "insecure", "placeholder", "replace-me")
FEWEST_CHARACTERS = 32
"""Of a secret that signs or that many may try offline: 128 bits in hex (RFC 7518 §3.2 asks for as many as the hash)."""
FEWEST_DIFFERENT = 8
"""Different characters in it. Of a million random secrets of 32 hex digits three have fewer."""
_DEFAULT_PASSWORDS = frozenset({"guest", "development"})
"""RabbitMQ's own, and that of compose.yaml."""
_PASSWORD = re.compile(r"(?<=:)[^:@/]+(?=@)")


def is_example(secret: str) -> bool:
    """Whether it is one of a documentation."""
    return any(word in secret.lower() for word in EXAMPLE_WORDS)


def weakness(secret: str) -> str | None:
    """What is wrong with a secret that is random or nothing; None: it may do. The words never show it."""
    if is_example(secret):
        return "an example secret"
    if len(secret.encode()) < FEWEST_CHARACTERS:
        return f"a secret of fewer than {FEWEST_CHARACTERS} bytes"
    if len(set(secret)) < FEWEST_DIFFERENT:
        return f"a secret of fewer than {FEWEST_DIFFERENT} different characters"
    return None


def default_password(url: str) -> str | None:
    """What is wrong with a password in `url`, which may name several hosts; None: no default one is in it."""
    for password in _PASSWORD.findall(url):
        if password in _DEFAULT_PASSWORDS:
            return f"the password {password}"
        if is_example(password):
            return "an example password"
    return None
