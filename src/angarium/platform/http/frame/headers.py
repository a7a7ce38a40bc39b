"""Reads request headers directly from the ASGI scope."""

from collections.abc import Mapping

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first header with that lower-case name, as Latin-1 text (RFC 9110 §5.5); None if there is none."""
    for found, value in scope["headers"]:
        if found == name:
            text: str = value.decode("latin-1")
            return text
    return None


def headers_of(scope: Scope) -> Mapping[str, str]:
    """All headers by lower-case name, as Latin-1 text; the first of several with one name."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
