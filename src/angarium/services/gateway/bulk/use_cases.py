"""Accepts the items of a bulk request in parts, each item independently."""

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec

from angarium.contracts.errors import Detail, PayloadTooLarge, Rejected, ValidationFailed
from angarium.contracts.notifications import BulkRequest, NotificationRequest
from angarium.platform.http.frame.bodies import DEFAULT_BODY_LIMIT
from angarium.platform.http.frame.direct import validated
from angarium.services.gateway.accepting.acceptance import Origin, Verdict
from angarium.services.gateway.accepting.use_cases import Acceptor

ITEM_BYTES = DEFAULT_BODY_LIMIT
"""Limit of one item, merged with the common fields: as compact JSON in UTF-8."""
BULK_PART = 250
"""Items validated at once: the database writes one part while the next is validated, and other tasks run in between."""
_encode = msgspec.json.Encoder().encode


class BulkAcceptor:
    """Accepts items through the acceptor of single notifications."""

    def __init__(self, acceptor: Acceptor) -> None:
        self._acceptor = acceptor

    async def accept(self, origin: Origin, items: Sequence[Any]) -> Sequence[Verdict]:
        """Return a result for each item, in order."""
        parts = []
        for start in range(0, len(items), BULK_PART):
            parts.append(asyncio.create_task(self._accept_part(origin, items[start : start + BULK_PART])))
            await asyncio.sleep(0)
        return [verdict for part in await asyncio.gather(*parts) for verdict in part]

    async def _accept_part(self, origin: Origin, items: Sequence[Any]) -> Sequence[Verdict]:
        requests = [_validated(item) for item in items]
        good = [request for request in requests if isinstance(request, NotificationRequest)]
        verdicts = iter(await self._acceptor.accept_many(origin, good))
        return [request if isinstance(request, Rejected) else next(verdicts) for request in requests]


def items_of(body: BulkRequest) -> Sequence[Any]:
    """The complete items, for both forms of the request."""
    if body.notifications is not None:
        return body.notifications
    whole = {"notification_type": body.notification_type, "template_code": body.template_code}
    return [{**whole, **item} if isinstance(item, dict) else item for item in body.recipients or ()]


def _validated(item: Any) -> NotificationRequest | Rejected:
    if not isinstance(item, dict):
        return ValidationFailed.of("body", "must be an object")
    try:
        _check_size(item)
        return validated(NotificationRequest, item)
    except (PayloadTooLarge, ValidationFailed) as refusal:
        return refusal


def _check_size(item: dict[str, Any]) -> None:
    """Raise PayloadTooLarge, naming the largest field, for an item larger than `ITEM_BYTES`."""
    size = len(_encode(item))
    if size > ITEM_BYTES:
        largest = max(item, key=lambda name: len(_encode(item[name])))
        message = f"the item is {size} bytes of JSON; at most {ITEM_BYTES} are accepted"
        raise PayloadTooLarge(details=[Detail(largest, message)])
