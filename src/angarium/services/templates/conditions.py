"""Entity tags and the requests that are conditional on them (RFC 9110 §8.8.3, §13.1.1)."""

from angarium.contracts.errors import PreconditionFailed
from angarium.services.templates.library.model import Template


def etag(template: Template) -> str:
    """The tag of a template with all its versions as they stand."""
    return f'"{template.revision}"'


def check_unchanged(template: Template, if_match: str | None) -> None:
    """Raise PreconditionFailed unless `if_match` is absent, `*` or names the template's tag."""
    if if_match is None or if_match.strip() == "*":
        return
    if etag(template) not in (tag.strip() for tag in if_match.split(",")):
        raise PreconditionFailed
