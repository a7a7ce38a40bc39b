"""Web Push to endpoints that anyone may have chosen: no address inside is reached, no push service holds up another."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any, cast

import pytest

from angarium.channels.push.providers.webpush.api import WebPushApi, is_known
from angarium.channels.push.providers.webpush.provider import WebPushProvider
from angarium.channels.push.providers.webpush.vapid import Vapid
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Ambiguous, Configuration, Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Address, Busy, Outbound
from angarium.platform.clock import SystemClock
from angarium.platform.http.guard.api import GuardedApi
from angarium.platform.http.guard.guarded import GuardedClient, Resolve, SystemResolver
from angarium.testing.http_api import Reply, scripted_api
from angarium.testing.providers import outbound
from tests.support.certificates import Certificates, make_certificates
from tests.support.mailbox_gateway import quiet_logger
from tests.support.phone_apis import SUBJECT, Browser, configured, keys, web_push
from tests.support.servers.ports import free_port
from tests.support.wait import until

LOOPBACK = ("127.0.0.0/8",)
REFUSED = Permanent("refused: the address is not allowed", code="invalid_address")
GOOGLE = "fcm.googleapis.com"


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


@asynccontextmanager
async def web_pusher(
    certificates: Certificates,
    *,
    allowed: Sequence[str] = LOOPBACK,
    resolve: Resolve | None = None,
    seconds: float = 5,
    trusted: bool = True,
    at_one_host: int = 16,
) -> AsyncIterator[WebPushProvider]:
    """The provider with the guard, which trusts the test's authority."""
    clock, system = SystemClock(), SystemResolver()
    tls = ssl.create_default_context(cafile=certificates.authority if trusted else None)
    client = GuardedClient(resolve=resolve or system, allowed=[ip_network(one) for one in allowed], tls=tls)
    api = WebPushApi(Vapid(keys().vapid, SUBJECT, clock), clock=clock)
    provider = WebPushProvider(
        api, GuardedApi(client, seconds=seconds), clock=clock, logger=quiet_logger(), at_one_host=at_one_host
    )
    try:
        yield provider
    finally:
        await provider.close()
        await client.close()
        system.close()


def push(origin: str, browser: Browser | None = None) -> Outbound:
    browser = browser or Browser()
    browser.endpoint = f"{origin}/push/canary"
    return outbound(Channel.PUSH, address=browser.address())


async def test_a_browser_reads_what_its_push_service_was_given(certificates: Certificates) -> None:
    browser = Browser()
    async with scripted_api(web_push, tls=certificates.server) as api, web_pusher(certificates) as provider:
        message = push(api.origin, browser)
        assert await provider.send(message) == Sent("201")
    assert browser.read(api.calls[0].body)["tag"] == message.message_key


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"],
)
async def test_an_address_inside_is_refused_and_not_connected_to(host: str, certificates: Certificates) -> None:
    async with (
        scripted_api(web_push, tls=certificates.server) as api,
        web_pusher(certificates, allowed=()) as provider,
    ):
        outcome = await provider.send(push(f"https://{host}:{api.port}"))
    assert isinstance(outcome, Permanent)
    assert outcome.code == "invalid_address"
    assert not outcome.suppress
    assert api.connections == 0


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "100.100.100.200", "::ffff:10.0.0.1", "64:ff9b::a00:1"]
)
async def test_a_name_that_leads_inside_is_refused(address: str, certificates: Certificates) -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["8.8.8.8", address]

    async with web_pusher(certificates, allowed=(), resolve=resolve) as provider:
        assert await provider.send(push("https://push.example")) == REFUSED


async def test_the_worker_guards_its_own_provider(certificates: Certificates, tmp_path: Path) -> None:
    """As made from the settings: without CALLBACK_ALLOW no address of this machine is reached."""
    keys().write(tmp_path, "https://oauth2.googleapis.com")
    url = f"webpush://{tmp_path}/vapid.pem?subject={SUBJECT}"
    async with scripted_api(web_push, tls=certificates.server) as api, configured(Channel.PUSH, url) as [provider]:
        assert await provider.send(push(api.origin)) == REFUSED
    assert api.connections == 0


async def test_a_redirect_is_not_followed(certificates: Certificates) -> None:
    async with scripted_api(web_push, tls=certificates.server) as inside:
        elsewhere = Reply(status=307, headers={"location": f"{inside.origin}/push/canary"})
        async with scripted_api(None, elsewhere, tls=certificates.server) as api, web_pusher(certificates) as provider:
            assert isinstance(await provider.send(push(api.origin)), Permanent)
    assert inside.calls == []


async def test_a_lost_answer_is_ambiguous_and_a_lost_connection_is_not(certificates: Certificates) -> None:
    async with scripted_api(None, Reply(cut=0), tls=certificates.server) as api, web_pusher(certificates) as provider:
        assert isinstance(await provider.send(push(api.origin)), Ambiguous)
        for origin in (f"https://127.0.0.1:{free_port()}", "https://no-such-host.invalid"):
            assert await provider.send(push(origin)) == Retry("cannot connect", unreachable=True)


async def test_a_push_service_that_hangs_is_left_in_time(certificates: Certificates) -> None:
    hang = asyncio.Event()
    async with (
        scripted_api(None, Reply(after=hang), tls=certificates.server) as api,
        web_pusher(certificates, seconds=0.3) as provider,
    ):
        assert await provider.send(push(api.origin)) == Ambiguous("no answer within 0.3 s")
        hang.set()


async def test_a_certificate_that_is_not_trusted_is_a_retry(certificates: Certificates) -> None:
    """The push service's fault, and perhaps an invented one's: it must not pause the provider."""
    async with (
        scripted_api(web_push, tls=certificates.server) as api,
        web_pusher(certificates, trusted=False) as provider,
    ):
        assert await provider.send(push(api.origin)) == Retry("the server's certificate is not valid", unreachable=True)
    assert api.calls == []


async def test_a_push_service_of_no_browser_cannot_pause_anything(certificates: Certificates) -> None:
    async with (
        scripted_api(None, Reply(status=401), tls=certificates.server) as api,
        web_pusher(certificates) as pusher,
    ):
        assert await pusher.send(push(api.origin)) == Permanent("401")


@pytest.mark.parametrize(
    ("origin", "known"),
    [
        ("https://fcm.googleapis.com", True),
        ("https://updates.push.services.mozilla.com", True),
        ("https://wns2-by3p.notify.windows.com", True),
        ("https://web.push.apple.com", True),
        ("https://evil-fcm.googleapis.com", False),
        ("https://fcm.googleapis.com.evil.example", False),
        ("https://fcm.googleapis.com:8443", False),
        ("https://push.apple.com.evil.example", False),
        ("http://fcm.googleapis.com", False),
        ("", False),
    ],
)
def test_only_the_push_services_of_browsers_are_known(origin: str, known: bool) -> None:
    assert is_known(origin) is known


async def test_a_known_push_service_that_refuses_our_identity_is_paused(tmp_path: Path) -> None:
    async with scripted_api(None, Reply(status=403, body="no")) as api:
        keys().write(tmp_path, api.origin)
        url = f"webpush://{tmp_path}/vapid.pem?subject={SUBJECT}&base_url={api.origin}"
        async with configured(Channel.PUSH, url) as [provider]:
            assert await provider.send(push(f"https://{GOOGLE}")) == Configuration("403 no")


async def test_a_push_service_of_no_browser_that_hangs_leaves_room_for_others(certificates: Certificates) -> None:
    hang = asyncio.Event()
    replies = [Reply(after=hang) for _ in range(3)]
    async with (
        scripted_api(None, *replies, tls=certificates.server) as hung,
        scripted_api(web_push, tls=certificates.server, host="127.0.0.1") as good,
        web_pusher(certificates, at_one_host=3) as provider,
    ):
        stuck = [asyncio.create_task(provider.send(push(hung.origin))) for _ in range(3)]
        await until(lambda: len(hung.calls) == 3)
        with pytest.raises(Busy):
            await provider.send(push(hung.origin))
        assert isinstance(await provider.send(push(good.origin)), Sent)
        hang.set()
        await asyncio.gather(*stuck)
        assert isinstance(await provider.send(push(hung.origin)), Outcome)


@pytest.mark.parametrize(
    "subscription",
    [
        None, {}, {"endpoint": "https://push.example/1"}, {"endpoint": 5, "keys": {"p256dh": "x", "auth": "y"}},
        {"endpoint": "https://push.example/1", "keys": {"p256dh": "BA", "auth": "AA"}},
        {**Browser().subscription(), "endpoint": "https://[::1"}, {**Browser().subscription(), "endpoint": ""},
        {**Browser().subscription(), "endpoint": "https://u:hunter2@push.example/"},
        {**Browser().subscription(), "endpoint": "ftp://push.example/"},
        {**Browser().subscription(), "endpoint": "https://push.example/\r\nx: y"},
    ],
)  # fmt: skip
async def test_what_is_no_subscription_has_an_outcome(subscription: object, certificates: Certificates) -> None:
    address = Address("", platform="webpush", subscription=cast("Mapping[str, Any] | None", subscription))
    async with web_pusher(certificates) as provider:
        outcome = await provider.send(outbound(Channel.PUSH, address=address))
    assert isinstance(outcome, Permanent)
    assert outcome.code in {"invalid_address", "invalid_message"}
    assert "hunter2" not in outcome.answer
