"""What a channel brings with it, so that nothing else has to know it by name."""

from dataclasses import dataclass

from angarium.contracts.statuses import Channel
from angarium.delivery.preparation import CheckAddress
from angarium.delivery.process import KitFactory
from angarium.delivery.settings import WorkerSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelEntry:
    """One channel. `port`: where its worker answers by default. `schemes`: its providers' URLs.

    `build_kit` makes what an engine runs; `check_address` is the channel's own check of an address.
    """

    channel: Channel
    port: int
    schemes: frozenset[str]
    settings: type[WorkerSettings]
    build_kit: KitFactory
    check_address: CheckAddress
