"""The port to providers' webhooks: verifies the signature and converts events to receipts.

A source belongs to one configured provider. It is pure, except for fetching certificates.
"""

import hmac
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import UUID

import msgspec

from angarium.channels.answers import shown
from angarium.contracts.errors import AngariumError
from angarium.contracts.fields import EARLIEST, LATEST
from angarium.notifications.receipt import Receipt
from angarium.platform.clock import Clock
from angarium.platform.settings.values import ProviderUrl

JSON = "application/json"
LONGEST_ID = 255
MOST_EVENTS = 20_000
"""Maximum events per request. SendGrid posts batches of up to 1,000."""
REFERENCE = "notification_id"
"""The name of our reference, if a provider lets us choose it."""
_CODE = re.compile(r"[0-9.]{1,9}")
_REPLY_CODES = re.compile(r"\s*(?:smtp;\s*)?(\d{3}(?=[ -]))?[ -]*(\d\.\d{1,3}\.\d{1,3}(?=[ :-]|$))?[ :-]*")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


class NotSigned(AngariumError):
    """The signature is missing or wrong"""


class Unreadable(AngariumError):
    """The body is not one of this provider's"""


@dataclass(frozen=True, slots=True)
class Posted:
    """One request. `headers` by lower-case name; `urls`: the possible URLs that the provider called."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    urls: tuple[str, ...] = field(default=(), repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A text message sent to one of our numbers. `key` is the same for repeated webhooks."""

    key: str
    number: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Read:
    """The content of a request.

    `unreadable`: the number of events that could not be read, which does not affect the others.

    `answer`: the body of the 200, of type `media_type`, if the provider uses it.
    """

    receipts: Sequence[Receipt] = ()
    replies: Sequence[Reply] = ()
    unreadable: int = 0
    answer: bytes | None = None
    media_type: str = JSON


class ReceiptSource(Protocol):
    """The webhooks of one configured provider."""

    async def read(self, posted: Posted) -> Read:
        """Verify and read a request.

        Raises NotSigned and Unreadable, and Transient if a certificate cannot be fetched now.
        """
        ...


Fetch = Callable[[str], Awaitable[bytes]]
"""Fetches an https URL (GET, status 200) and returns its body. Raises Transient."""


@dataclass(frozen=True, slots=True)
class SourceParts:
    """The dependencies of a source. `name`: the provider's, as in metrics and the API."""

    name: str
    clock: Clock
    fetch: Fetch


SourceFactory = Callable[[ProviderUrl, SourceParts], ReceiptSource]
"""Creates the source of a provider. Raises ValueError for an invalid `webhook_key`, without showing it."""


def same(given: str, right: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def decoded(body: bytes) -> Any:
    """Decode a JSON body. Raises Unreadable."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable("the body is not JSON") from error


def mapping(value: object) -> Mapping[str, Any]:
    """`value` if it is an object, otherwise an empty one."""
    return value if isinstance(value, dict) else {}


def words(value: object) -> str:
    """`value` if it is text, otherwise an empty one."""
    return value if isinstance(value, str) else str(value) if type(value) in {int, float} else ""


def identifier(value: object) -> str | None:
    """A provider's id as text; None if it is missing or too long."""
    text = words(value).strip()
    return text if text and len(text) <= LONGEST_ID and text.isprintable() else None


def reference(value: object) -> UUID | None:
    """Our reference, the notification's id; also the prefix of a Message-ID."""
    found = _UUID.match(words(value).strip().lstrip("<"))
    return UUID(found[0]) if found else None


def moment(value: object, clock: Clock) -> datetime:
    """Parse seconds since 1970 or ISO 8601, clamped to storable years; the current time if it is invalid."""
    try:
        if isinstance(value, int | float) or (isinstance(value, str) and value.replace(".", "", 1).isdecimal()):
            read = datetime.fromtimestamp(float(value), UTC)
        else:
            read = datetime.fromisoformat(words(value))
    except (ValueError, OverflowError, OSError):
        return clock.now()
    aware = read if read.tzinfo is not None else read.replace(tzinfo=UTC)
    return min(max(aware, EARLIEST), LATEST)


def reason_of(code: object, text: object, *, address: str = "") -> str:
    """A reason for the record: codes, and one short line without addresses, phone numbers and tokens.

    `text` may begin with the codes of an SMTP reply, which are not duplicated.
    """
    said = words(text)
    lead = _REPLY_CODES.match(said)
    found = [] if lead is None else [part for part in lead.groups() if part]
    rest = said if lead is None else said[lead.end() :]
    codes = dict.fromkeys(part for part in (*words(code).split(), *found) if _CODE.fullmatch(part))
    return " ".join([*codes, shown(rest, address)]).strip()


def read_each(
    events: Iterable[object], read: Callable[[Mapping[str, Any]], Iterable[Receipt]]
) -> tuple[Sequence[Receipt], int]:
    """The receipts of all events, and the number of unreadable events."""
    receipts: list[Receipt] = []
    unreadable = 0
    for event in events:
        try:
            receipts += read(mapping(event))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError):
            unreadable += 1
    return receipts, unreadable
