"""Entity tags and conditional changes (RFC 9110 §8.8.3, §13.1.1)."""

from starlette.responses import Response

from angarium.contracts.errors import PreconditionFailed


def entity_tag(revision: int) -> str:
    """The strong tag of a revision."""
    return f'"{revision}"'


def tag(response: Response, revision: int) -> None:
    """Set the ETag header of an answer."""
    response.headers["etag"] = entity_tag(revision)


def check_unchanged(revision: int, if_match: str | None) -> None:
    """Raise PreconditionFailed unless `if_match` is absent, is `*` or lists the tag of `revision`.

    A weak tag never matches, since If-Match uses the strong comparison.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if entity_tag(revision) not in (given.strip() for given in if_match.split(",")):
        raise PreconditionFailed
