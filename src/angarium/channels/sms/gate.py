"""Blocks messages to unwanted countries and floods of messages, against SMS pumping."""

from dataclasses import dataclass

import phonenumbers

from angarium.delivery.process import ProviderParts
from angarium.delivery.provider import Address
from angarium.delivery.settings import WorkerSettings
from angarium.notifications.model import Claimed, Reason
from angarium.platform.rate_limit.memory import MemoryCounter
from angarium.platform.rate_limit.opening import open_counter
from angarium.platform.rate_limit.port import Counter, CounterUnavailable
from angarium.platform.settings.sources import wrong
from angarium.platform.settings.values import Countries, RateLimit

WINDOWS = 200_000
"""Numbers counted in a process; the least recently used are evicted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsLimits:
    """The limits in the settings; None: no limit."""

    countries: Countries | None
    per_number: RateLimit | None
    per_tenant: RateLimit | None


class SmsGate:
    """Checked just before each attempt; permitted attempts are counted.

    Counts use a sliding window of one period, plus up to a twentieth. `shared` counts for all workers; without it, and
    while it does not answer, each process counts on its own and grants the whole allowance.
    """

    def __init__(self, limits: SmsLimits, *, shared: Counter | None, local: MemoryCounter) -> None:
        self._limits = limits
        self._shared = shared
        self._local = local

    async def refusal(self, claimed: Claimed, address: Address) -> Reason | None:
        """Why nothing may be sent to `address`; None: it may be sent, and was counted."""
        limits, number = self._limits, address.value
        if limits.countries is not None and not limits.countries.allow(_country_of(number)):
            return Reason("country_blocked", "ANGARIUM_SMS_COUNTRIES does not allow the number's country")
        if limits.per_number is not None:
            name = f"sms\0{claimed.tenant}\0{number}"
            if not await self._granted(name, limits.per_number):
                return Reason("number_limit", "ANGARIUM_SMS_LIMIT_PER_NUMBER is reached")
        if limits.per_tenant is not None and not await self._granted(f"sms\0{claimed.tenant}", limits.per_tenant):
            return Reason("tenant_limit", "ANGARIUM_SMS_LIMIT_PER_TENANT is reached")
        return None

    async def _granted(self, name: str, limit: RateLimit) -> bool:
        if self._shared is not None:
            try:
                return bool((await self._shared.count(name, limit, wanted=1)).granted)
            except CounterUnavailable:
                pass
        return bool(self._local.count_now(name, limit, wanted=1).granted)


def open_gate(settings: WorkerSettings, parts: ProviderParts) -> SmsGate | None:
    """Open the gate for the settings; None if there are no limits. Its counter is closed with `parts.stack`.

    Raises SettingsError.
    """
    limits = SmsLimits(
        countries=settings.sms_countries,
        per_number=settings.sms_limit_per_number,
        per_tenant=settings.sms_limit_per_tenant,
    )
    if limits.countries is not None:
        unknown = sorted(limits.countries.codes - phonenumbers.SUPPORTED_REGIONS)
        if unknown:
            raise wrong("sms_countries", f"names no country: {', '.join(unknown)}")
    if limits == SmsLimits(countries=None, per_number=None, per_tenant=None):
        return None
    shared = open_counter(settings.cache_url, parts.clock, parts.logger, parts.stack)
    return SmsGate(limits, shared=shared, local=MemoryCounter(parts.clock, WINDOWS))


def _country_of(number: str) -> str | None:
    """The country of a number in E.164 (ISO 3166-1); None for numbers without a country, such as +883."""
    region: str | None = phonenumbers.region_code_for_number(phonenumbers.parse(number))
    return region if region in phonenumbers.SUPPORTED_REGIONS else None
