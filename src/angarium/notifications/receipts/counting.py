"""What receipts say of the sender: bounces and complaints that count for its reputation."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from angarium.contracts.providers import provider_id_of
from angarium.contracts.suppressions import SUPPRESSIBLE
from angarium.notifications.providers.reputation import NOTHING, Totals
from angarium.notifications.receipt import Receipt, ReceiptKind
from angarium.notifications.store.receipt_targets import About

_COUNTED: Mapping[ReceiptKind, Totals] = {
    ReceiptKind.HARD_BOUNCE: Totals(bounces=1),
    ReceiptKind.COMPLAINED: Totals(complaints=1),
}


def totals_of(reports: Iterable[tuple[Receipt, About]]) -> Mapping[UUID, Totals]:
    """What the reports add to each provider's totals. The sends were counted by the workers.

    The provider is the one that reports, by its name and the notification's channel. Only channels whose addresses
    can bounce count.
    """
    found: dict[UUID, Totals] = {}
    for receipt, about in reports:
        counted = _COUNTED.get(receipt.kind)
        if counted is not None and about.channel in SUPPRESSIBLE:
            provider_id = provider_id_of(about.channel, receipt.provider)
            found[provider_id] = found.get(provider_id, NOTHING).plus(counted)
    return found
