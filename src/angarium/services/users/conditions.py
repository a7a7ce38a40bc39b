"""Entity tags and the requests that are conditional on them (RFC 9110 §8.8.3, §13.1.1)."""

from angarium.contracts.errors import PreconditionFailed
from angarium.services.users.people.model import Person


def etag(person: Person) -> str:
    """The tag of everything that belongs to `person` as it stands."""
    return f'"{person.version}"'


def check_unchanged(person: Person, if_match: str | None) -> None:
    """Raise PreconditionFailed unless `if_match` is absent, `*` or names the person's tag.

    A weak tag never matches: a change needs the strong comparison.
    """
    if if_match is None or if_match.strip() == "*":
        return
    if etag(person) not in (tag.strip() for tag in if_match.split(",")):
        raise PreconditionFailed
