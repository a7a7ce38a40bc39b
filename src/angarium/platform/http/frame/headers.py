"""Reading request headers straight from the ASGI scope, without a framework's mapping."""

from collections.abc import Mapping

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that lower-case name, as Latin-1 text (RFC 9110 §5.5); None where there is none."""
    for found, value in scope["headers"]:
        if found == name:
            text: str = value.decode("latin-1")
            return text
    return None


def headers_of(scope: Scope) -> Mapping[str, str]:
    """All headers by lower-case name, as Latin-1 text; of several with one name the first."""
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])}
