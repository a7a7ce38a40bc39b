"""OneSignal's event streams. They are not signed: `webhook_key` is the value of the `Authorization` header.

https://documentation.onesignal.com/docs/en/event-streams
https://documentation.onesignal.com/docs/en/event-streams-data

The operator configures the body; `docs/providers/receipts.md` has the one expected here. Removed devices are reported
in the answer to a send, so nothing here removes a token.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from angarium.channels.receiving import (
    REFERENCE,
    NotSigned,
    Posted,
    Read,
    SourceParts,
    decoded,
    identifier,
    moment,
    read_each,
    reason_of,
    reference,
    same,
    words,
)
from angarium.notifications.receipt import Receipt, ReceiptKind, receipt_key
from angarium.platform.settings.values import ProviderUrl

_KINDS = {"message.push.received": ReceiptKind.DELIVERED, "message.push.failed": ReceiptKind.BLOCKED}


class OneSignalEvents:
    """Reads one event or a list of events per request."""

    def __init__(self, header: str | None, parts: SourceParts) -> None:
        self._header = header
        self._parts = parts

    @classmethod
    def of(cls, url: ProviderUrl, parts: SourceParts) -> "OneSignalEvents":
        """Without a `webhook_key` only the secret in the path is checked, since OneSignal signs nothing."""
        return cls(url.webhook_key, parts)

    async def read(self, posted: Posted) -> Read:
        if self._header is not None and not same(posted.headers.get("authorization", ""), self._header):
            raise NotSigned
        body = decoded(posted.body)
        receipts, unreadable = read_each(body if isinstance(body, list) else [body], self._receipts)
        return Read(receipts, unreadable=unreadable)

    def _receipts(self, body: Mapping[str, Any]) -> Iterator[Receipt]:
        name = words(_field(body, "event.kind"))
        kind = _KINDS.get(name)
        if kind is None:
            if not name:
                raise ValueError("no event.kind")
            return
        message, at = identifier(_field(body, "message.id")), _field(body, "event.timestamp")
        unique = identifier(_field(body, "event.id")) or (message, at, _field(body, "event.subscription_id"))
        yield Receipt(
            key=receipt_key(self._parts.name, kind, unique),
            provider=self._parts.name,
            kind=kind,
            at=moment(at, self._parts.clock),
            notification_id=reference(_field(body, REFERENCE)),
            provider_message_id=message,
            reason=reason_of("", _field(body, "event.data.failure_reason")) if kind is ReceiptKind.BLOCKED else "",
        )


def _field(body: Mapping[str, Any], path: str) -> Any:
    """The field `event.kind`, or `kind` in the object `event`."""
    if path in body:
        return body[path]
    first, _, rest = path.partition(".")
    inner = body.get(first)
    return _field(inner, rest) if rest and isinstance(inner, dict) else inner if not rest else None
