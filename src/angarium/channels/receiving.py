"""The port to a provider's webhooks: what was posted becomes receipts, once its signature is verified.

A source is pure but for certificates that it may have to fetch. It knows one configured provider.
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
"""Of one request. SendGrid posts batches of up to 1,000."""
REFERENCE = "notification_id"
"""What our own reference is called wherever a provider lets us name it."""
_CODE = re.compile(r"[0-9.]{1,9}")
_REPLY_CODES = re.compile(r"\s*(?:smtp;\s*)?(\d{3}(?=[ -]))?[ -]*(\d\.\d{1,3}\.\d{1,3}(?=[ :-]|$))?[ :-]*")
_UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


class NotSigned(AngariumError):
    """The signature is missing or wrong"""


class Unreadable(AngariumError):
    """The body is not what this provider posts"""


@dataclass(frozen=True, slots=True)
class Posted:
    """One request. `headers` by name in lower case; `urls`: each by which the provider may have called this one."""

    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    urls: tuple[str, ...] = field(default=(), repr=False)
    query: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """A text message that a person sent to one of our numbers. `key` is the same whenever the provider repeats it."""

    key: str
    number: str = field(repr=False)
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Read:
    """What a request says. `unreadable`: events of it that could not be read; they cost no other event.

    `answer`: the body of the 200, of `media_type`, where the provider reads it.
    """

    receipts: Sequence[Receipt] = ()
    replies: Sequence[Reply] = ()
    unreadable: int = 0
    answer: bytes | None = None
    media_type: str = JSON


class ReceiptSource(Protocol):
    """The webhooks of one configured provider."""

    async def read(self, posted: Posted) -> Read:
        """Verify and read. Raises NotSigned, Unreadable; Transient where a certificate cannot be fetched now."""
        ...


Fetch = Callable[[str], Awaitable[bytes]]
"""The body behind an https URL (GET, answered by 200). Raises Transient."""


@dataclass(frozen=True, slots=True)
class SourceParts:
    """What a source is made with. `name`: the provider's, as in metrics and the API."""

    name: str
    clock: Clock
    fetch: Fetch


SourceFactory = Callable[[ProviderUrl, SourceParts], ReceiptSource]
"""Makes the source of a provider. Raises ValueError for a `webhook_key` that cannot be right, never showing it."""


def same(given: str, right: str) -> bool:
    """Whether two secrets are the same, in a time that does not tell how much of them is."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), right.encode())


def decoded(body: bytes) -> Any:
    """A JSON body. Raises Unreadable."""
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable("the body is not JSON") from error


def mapping(value: object) -> Mapping[str, Any]:
    """`value` as an object; empty where it is none."""
    return value if isinstance(value, dict) else {}


def words(value: object) -> str:
    """`value` as text; empty where it is none."""
    return value if isinstance(value, str) else str(value) if type(value) in {int, float} else ""


def identifier(value: object) -> str | None:
    """An id as providers write them; None where it is none, or too long for one."""
    text = words(value).strip()
    return text if text and len(text) <= LONGEST_ID and text.isprintable() else None


def reference(value: object) -> UUID | None:
    """Our own reference, which is the notification's id; a Message-ID begins with it."""
    found = _UUID.match(words(value).strip().lstrip("<"))
    return UUID(found[0]) if found else None


def moment(value: object, clock: Clock) -> datetime:
    """A time in seconds since 1970 or in ISO 8601, within the years that are stored; now, where it is none."""
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
    """Why, as it may be recorded: codes, and one short line without addresses, phone numbers and tokens.

    `text` may begin with the codes of an SMTP reply, which are shown once.
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
    """The receipts of all events, and how many events could not be read."""
    receipts: list[Receipt] = []
    unreadable = 0
    for event in events:
        try:
            receipts += read(mapping(event))
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError):
            unreadable += 1
    return receipts, unreadable
