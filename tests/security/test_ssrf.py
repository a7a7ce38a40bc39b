"""No URL of a stranger leads inside, however it is written and whatever its name resolves to."""

import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import httpx2
import pytest

from angarium.channels.webhook.providers.http import HttpProvider
from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Permanent, Retry
from angarium.platform.clock import SystemClock
from angarium.platform.http.guard.addresses import AddressRefused, permitted
from angarium.platform.http.guard.guarded import GuardedClient, Resolve, SystemResolver, TargetRefused
from angarium.platform.http.guard.posting import SignedPosts
from angarium.platform.http.guard.signing import Signer
from angarium.testing.providers import outbound
from tests.support.certificates import make_certificates
from tests.support.endpoint import endpoint

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
LOOPBACK = (ip_network("127.0.0.0/8"),)
INSIDE = [
    "0.0.0.0",  # noqa: S104 - an address to refuse
    "10.1.2.3",
    "100.100.100.200",
    "127.0.0.1",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.170",
    "192.0.2.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:169.254.169.254",
    "::ffff:8.8.8.8",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::a9fe:a9fe",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
]
OUTSIDE = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450:4001:80b::200e"]
WRITTEN_ODDLY = [
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "①②⑦.0.0.1",
    "[::ffff:169.254.169.254]",
    "[::ffff:7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "100.100.100.200",
    "169.254.169.254",
    "[fe80::1%25lo]",
    "localhost",
    "localhost.",
    "user@127.0.0.1",
    "example.com@127.0.0.1",
]


@asynccontextmanager
async def guarded(
    resolve: Resolve | None = None, *, allowed: Sequence[object] = (), tls: ssl.SSLContext | None = None
) -> AsyncIterator[GuardedClient]:
    system = SystemResolver()
    client = GuardedClient(resolve=resolve or system, allowed=allowed, timeout=3.0, tls=tls)  # type: ignore[arg-type]  # networks
    try:
        yield client
    finally:
        await client.close()
        system.close()


def names(**found: Sequence[str]) -> Resolve:
    """A resolver that knows these names, with dots for underscores."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        return found[host.replace(".", "_")]

    return resolve


async def ask(client: GuardedClient, url: str) -> httpx2.Response:
    async with client.stream("POST", url, headers={"x-mark": "1"}, content=b"{}") as answer:
        return answer


@pytest.mark.parametrize("address", INSIDE)
def test_an_address_inside_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        permitted("name.example", [address], (), plain=False)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_permitted(address: str) -> None:
    assert [str(a) for a in permitted("name.example", [address], (), plain=False)] == [address]


def test_one_address_inside_refuses_all() -> None:
    with pytest.raises(AddressRefused):
        permitted("name.example", ["8.8.8.8", "127.0.0.1"], (), plain=False)
    with pytest.raises(AddressRefused):
        permitted("name.example", [], (), plain=False)


def test_allowed_ranges_are_exempt_and_the_only_ones_for_plain_http() -> None:
    assert len(permitted("name.example", ["127.0.0.1", "8.8.8.8"], LOOPBACK, plain=False)) == 2
    with pytest.raises(AddressRefused):
        permitted("name.example", ["8.8.8.8"], LOOPBACK, plain=True)
    assert [str(a) for a in permitted("localhost", ["::1", "127.0.0.1"], LOOPBACK, plain=True)] == ["127.0.0.1"]
    with pytest.raises(AddressRefused):
        permitted("name.example", ["::1", "127.0.0.1"], LOOPBACK, plain=True)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", WRITTEN_ODDLY)
async def test_however_it_is_written_nothing_is_connected(host: str, scheme: str) -> None:
    async with endpoint() as inside, guarded() as client:
        with pytest.raises((TargetRefused, socket.gaierror)):
            await ask(client, f"{scheme}://{host}:{inside.port}/")
    assert inside.received == []


@pytest.mark.parametrize(
    "url", ["ftp://example.com/", "file:///etc/passwd", "http:///x", "", "//x", "https://u@example.com/"]
)
async def test_what_is_no_web_url_is_refused(url: str) -> None:
    async with guarded() as client:
        with pytest.raises(TargetRefused):
            await ask(client, url)


async def test_a_name_is_resolved_once_and_the_address_that_was_judged_is_connected() -> None:
    """Rebinding: a second look-up would lead elsewhere; there is none."""
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    async with endpoint() as inside, guarded(rebinding, allowed=LOOPBACK) as client:
        answer = await ask(client, f"http://rebind.example:{inside.port}/a?b=c")
        assert answer.status_code == 200
        with pytest.raises(TargetRefused):
            await ask(client, f"http://rebind.example:{inside.port}/a?b=c")
    assert asked == ["rebind.example"] * 2
    [received] = inside.received
    assert (received.target, received.headers["host"]) == ("/a?b=c", f"rebind.example:{inside.port}")


async def test_a_redirect_inside_is_not_followed() -> None:
    async with endpoint() as secret, endpoint(status=302) as open_, guarded(allowed=LOOPBACK) as client:
        open_.headers["location"] = secret.url("/secret")
        assert (await ask(client, open_.url())).status_code == 302
    assert (len(open_.received), secret.received) == (1, [])


async def test_the_certificate_is_that_of_the_name(tmp_path: Path) -> None:
    """SNI and verification are by the URL's host, though the connection is made to an address."""
    certificates = make_certificates(tmp_path)
    seen: list[str | None] = []
    certificates.server.sni_callback = lambda _socket, name, _context: seen.append(name)
    tls = ssl.create_default_context(cafile=str(certificates.authority))
    known = names(localhost=["127.0.0.1"], wrong_example=["127.0.0.1"])
    async with endpoint(tls=certificates.server) as served, guarded(known, allowed=LOOPBACK, tls=tls) as client:
        assert (await ask(client, served.url(host="localhost", scheme="https"))).status_code == 200
        with pytest.raises(httpx2.ConnectError, match=r"[Hh]ostname"):
            await ask(client, served.url(host="wrong.example", scheme="https"))
    assert seen == ["localhost", "wrong.example"]
    assert [received.headers["host"] for received in served.received] == [f"localhost:{served.port}"]


async def test_the_next_address_is_tried_where_the_first_cannot_be_connected() -> None:
    allowed = (*LOOPBACK, ip_network("::1/128"))
    async with endpoint() as served, guarded(names(two_example=["::1", "127.0.0.1"]), allowed=allowed) as client:
        assert (await ask(client, served.url(host="two.example"))).status_code == 200
    assert len(served.received) == 1


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with endpoint() as proxy, endpoint() as served:
        monkeypatch.setenv("HTTP_PROXY", proxy.url(""))
        monkeypatch.setenv("ALL_PROXY", proxy.url(""))
        async with guarded(allowed=LOOPBACK) as client:
            await ask(client, served.url())
    assert (len(served.received), proxy.received) == (1, [])


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", WRITTEN_ODDLY)
async def test_no_webhook_goes_inside_however_its_url_is_written(host: str, scheme: str) -> None:
    async with endpoint() as inside, guarded() as client:
        provider = HttpProvider(SignedPosts(client, Signer([SECRET]), SystemClock()), SystemClock())
        url = f"{scheme}://{host}:{inside.port}/"
        outcome = await provider.send(outbound(Channel.WEBHOOK, to=url))
    assert outcome in (
        Permanent("refused: the address is not allowed", code="invalid_address"),
        Permanent("refused: a URL with credentials is not asked", code="invalid_address"),
        Permanent("refused: this is no URL", code="invalid_address"),
        Retry("cannot connect", provider_fault=False),
    )
    assert inside.received == []


@pytest.mark.parametrize("address", INSIDE)
async def test_no_webhook_goes_to_a_name_that_leads_inside(address: str) -> None:
    async with guarded(names(hook_example=[address])) as client:
        provider = HttpProvider(SignedPosts(client, Signer([SECRET]), SystemClock()), SystemClock())
        outcome = await provider.send(outbound(Channel.WEBHOOK, to="https://hook.example/"))
    assert outcome == Permanent("refused: the address is not allowed", code="invalid_address")
