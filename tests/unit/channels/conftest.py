"""Sources of receipts over a clock that stands still."""

from collections.abc import Callable, Sequence

import pytest

from angarium.channels.receiving import NotSigned, Posted, ReceiptSource, SourceFactory, SourceParts
from angarium.notifications.receipt import ReceiptKind
from angarium.platform.settings.values import ProviderUrl
from tests.support.clock import ManualClock
from tests.support.provider_events import Signed, sns_certificate

Make = Callable[[SourceFactory, str], ReceiptSource]
ADDRESS = "https://notify.example.com/webhooks/twilio/token"


class Fetched:
    """Answers every fetch with the certificate of SNS."""

    def __init__(self, clock: ManualClock) -> None:
        self.urls: list[str] = []
        self._clock = clock

    async def __call__(self, url: str) -> bytes:
        self.urls.append(url)
        return sns_certificate(self._clock.now())


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def fetched(clock: ManualClock) -> Fetched:
    return Fetched(clock)


@pytest.fixture
def make(clock: ManualClock, fetched: Fetched) -> Make:
    def make(factory: SourceFactory, url: str) -> ReceiptSource:
        return factory(ProviderUrl.parse(url), SourceParts("mine", clock, fetched))

    return make


def posted(signed: Signed, *urls: str, **query: str) -> Posted:
    headers, body = signed
    return Posted(headers=headers, body=body, urls=urls or (ADDRESS,), query=query)


async def kinds(source: ReceiptSource, signed: Signed) -> Sequence[ReceiptKind]:
    return [receipt.kind for receipt in (await source.read(posted(signed))).receipts]


async def refuses(source: ReceiptSource, request: Posted) -> bool:
    try:
        await source.read(request)
    except NotSigned:
        return True
    return False
