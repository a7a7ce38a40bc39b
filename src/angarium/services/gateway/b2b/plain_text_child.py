"""The child process that parses HTML: `python -m angarium.services.gateway.b2b.plain_text_child`."""

from angarium.platform.children.serving import Working, serve
from angarium.rendering.limits import Limits
from angarium.rendering.plain_text import make_text
from angarium.rendering.problems import TemplateProblem


def handle(job: bytes, working: Working) -> bytes:  # noqa: ARG001 - a job of one step
    """The text of the HTML in `job` (UTF-8); empty if it cannot be parsed."""
    try:
        return make_text(job.decode(), "html", Limits()).encode()
    except (TemplateProblem, RecursionError, ValueError):
        return b""


if __name__ == "__main__":
    serve(handle)
