"""Reading request headers straight from the ASGI scope: a few look-ups a request, too many for a mapping each."""

from starlette.types import Scope


def header(scope: Scope, name: bytes) -> str | None:
    """The first header of that lower-case name, as Latin-1 text (RFC 9110 §5.5); None where there is none."""
    for found, value in scope["headers"]:
        if found == name:
            text: str = value.decode("latin-1")
            return text
    return None
