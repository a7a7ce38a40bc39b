"""What a channel brings with it, so that nothing else has to know it by name."""

from dataclasses import dataclass

from angarium.contracts.statuses import Channel
from angarium.delivery.preparation import AddressesOf, CheckAddress
from angarium.delivery.process import KitFactory
from angarium.delivery.settings import WorkerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """One channel. `port`: where its worker answers by default. `schemes`: its providers' URLs.

    `build_kit` makes what an engine runs. `addresses_of` says where the channel reaches a stored user, `check_address`
    whether an address can be right.
    """

    channel: Channel
    port: int
    schemes: frozenset[str]
    settings: type[WorkerSettings]
    build_kit: KitFactory
    addresses_of: AddressesOf
    check_address: CheckAddress
