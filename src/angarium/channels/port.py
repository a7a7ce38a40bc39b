"""The interface of a channel, so that no other code needs its name."""

from dataclasses import dataclass

from angarium.contracts.statuses import Channel
from angarium.delivery.preparation import AddressesOf, CheckAddress
from angarium.delivery.process import KitFactory
from angarium.delivery.settings import WorkerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """One channel. `port`: its worker's default port. `schemes`: its providers' URL schemes.

    `build_kit` builds the engine's kit. `addresses_of` returns the addresses of a stored user, `check_address`
    validates one.
    """

    channel: Channel
    port: int
    schemes: frozenset[str]
    settings: type[WorkerSettings]
    build_kit: KitFactory
    addresses_of: AddressesOf
    check_address: CheckAddress
