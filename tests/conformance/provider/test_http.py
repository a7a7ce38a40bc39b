"""The provider of webhooks against real endpoints: each answer, a wait without end, no connection, addresses inside."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from standardwebhooks import Webhook

from angarium.channels.webhook.providers.http import HttpProvider
from angarium.contracts.statuses import Channel
from angarium.delivery.hosts import BUSY_WAIT, LONGEST_BUSY_WAIT
from angarium.delivery.outcome import Outcome, Permanent, Retry, Sent
from angarium.delivery.provider import Busy
from angarium.platform.clock import SystemClock
from angarium.platform.http.guard.guarded import GuardedClient, Resolve, SystemResolver
from angarium.platform.http.guard.posting import SignedPosts
from angarium.platform.http.guard.signing import Signer
from angarium.rendering.content import WebhookContent
from angarium.testing.providers import outbound
from tests.support.endpoint import endpoint
from tests.support.servers.ports import free_port
from tests.support.wait import until

SECRET, OLD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
LOOPBACK = ("127.0.0.0/8",)


@asynccontextmanager
async def http(
    *, allowed: Sequence[str] = LOOPBACK, resolve: Resolve | None = None, timeout_seconds: float = 5, **options: Any
) -> AsyncIterator[HttpProvider]:
    system = SystemResolver()
    client = GuardedClient(resolve=resolve or system, allowed=[ip_network(one) for one in allowed])
    posts = SignedPosts(client, Signer([SECRET, OLD_SECRET]), SystemClock())
    provider = HttpProvider(posts, SystemClock(), timeout=timeout_seconds, **options)
    try:
        yield provider
    finally:
        await provider.close()
        await client.close()
        system.close()


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
async def test_a_2xx_is_sent(status: int) -> None:
    async with endpoint(status=status) as hook, http() as provider:
        message = outbound(
            Channel.WEBHOOK, to=hook.url(), content=WebhookContent(json='{"a": "é"}'), correlation_id="c-1"
        )
        assert await provider.send(message) == Sent(str(status), message.message_key)
    [received] = hook.received
    for secret in (SECRET, OLD_SECRET):
        assert Webhook(secret).verify(received.body, received.headers) == {"a": "é"}
    assert received.headers["webhook-id"] == message.message_key
    assert received.headers["x-correlation-id"] == "c-1"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 400, 401, 403, 404, 405, 410, 413, 422, 451])
async def test_what_no_other_attempt_would_change_is_permanent(status: int) -> None:
    async with endpoint() as elsewhere, endpoint(status=status) as hook, http() as provider:
        hook.headers["location"] = elsewhere.url()
        outcome = await provider.send(outbound(Channel.WEBHOOK, to=hook.url()))
    assert outcome == Permanent(f"answered {status}")
    assert (len(hook.received), elsewhere.received) == (1, [])


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
@pytest.mark.fault(30)
async def test_what_may_pass_is_tried_again_under_the_same_id(status: int) -> None:
    async with endpoint(answers=[status], headers={"retry-after": "7"}) as hook, http() as provider:
        message = outbound(Channel.WEBHOOK, to=hook.url())
        outcome = await provider.send(message)
        assert outcome == Retry(f"answered {status}", after=timedelta(seconds=7), provider_fault=False)
        assert isinstance(await provider.send(message), Sent)
    assert len({(one.headers["webhook-id"], one.body) for one in hook.received}) == 1


@pytest.mark.parametrize("value", ["soon", "-1", "", "1e3", "9" * 400, "Fri, 99 Nov"])
@pytest.mark.fault(30)
async def test_a_retry_after_that_says_nothing_is_bounded(value: str) -> None:
    async with endpoint(status=503, headers={"retry-after": value}) as hook, http() as provider:
        outcome = await provider.send(outbound(Channel.WEBHOOK, to=hook.url()))
    assert isinstance(outcome, Retry)
    assert outcome.after is None or outcome.after <= timedelta(days=365)


async def test_an_endpoint_that_hangs_is_tried_again() -> None:
    async with endpoint(before=asyncio.Event().wait) as hook, http(timeout_seconds=0.2) as provider:
        outcome = await provider.send(outbound(Channel.WEBHOOK, to=hook.url()))
    assert outcome == Retry("no answer in time", provider_fault=False)


async def test_an_answer_without_end_counts_by_its_status() -> None:
    async with endpoint(endless=True) as hook, http(timeout_seconds=2) as provider:
        assert isinstance(await provider.send(outbound(Channel.WEBHOOK, to=hook.url())), Sent)


@pytest.mark.fault(32)
async def test_a_connection_that_is_cut_is_tried_again() -> None:
    async def cut() -> None:
        raise ConnectionError

    async with endpoint(before=cut) as hook, http() as provider:
        outcome = await provider.send(outbound(Channel.WEBHOOK, to=hook.url()))
    assert isinstance(outcome, Retry)
    assert not outcome.provider_fault, "an endpoint's fault says nothing of the others"


async def test_a_port_where_nothing_listens_is_tried_again() -> None:
    async with http() as provider:
        outcome = await provider.send(outbound(Channel.WEBHOOK, to=f"http://127.0.0.1:{free_port()}/"))
    assert outcome == Retry("cannot connect", provider_fault=False)


async def test_a_name_that_leads_nowhere_is_tried_again() -> None:
    async with http() as provider:
        outcome = await provider.send(outbound(Channel.WEBHOOK, to="https://no-such-host.invalid/"))
    assert outcome == Retry("cannot connect", provider_fault=False)


REFUSED = Permanent("refused: the address is not allowed", code="invalid_address")


@pytest.mark.parametrize("url", ["http://127.0.0.1:{}/", "https://127.0.0.1:{}/", "http://localhost:{}/"])
async def test_an_address_inside_is_refused_and_not_connected_to(url: str) -> None:
    async with endpoint() as inside, http(allowed=()) as provider:
        assert await provider.send(outbound(Channel.WEBHOOK, to=url.format(inside.port))) == REFUSED
    assert inside.received == []


async def test_a_name_that_changes_its_mind_gains_nothing() -> None:
    """Rebinding: the address that is judged is the one that is connected to, and it is judged at each attempt."""
    answers: list[list[str]] = [["127.0.0.1"], ["169.254.169.254"], ["8.8.8.8", "10.0.0.1"]]

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return answers.pop(0)

    async with endpoint() as hook, http(resolve=rebinding) as provider:
        message = outbound(Channel.WEBHOOK, to=hook.url(host="rebind.example"))
        outcomes = [await provider.send(message) for _ in range(3)]
    assert [type(outcome) for outcome in outcomes] == [Sent, Permanent, Permanent]
    assert (answers, len(hook.received)) == ([], 1)


@pytest.mark.parametrize(
    "url", ["", "x", "ftp://example.com/", "https://u:p@example.com/", "https://[::1", "https://\ud800.example/"]
)
async def test_what_is_no_web_url_has_an_outcome(url: str) -> None:
    async with http() as provider:
        outcome = await provider.send(outbound(Channel.WEBHOOK, to=url))
    assert isinstance(outcome, Permanent)
    assert outcome.code == "invalid_address"


async def test_a_host_that_hangs_leaves_room_for_others() -> None:
    async with (
        endpoint(before=asyncio.Event().wait) as hung,
        endpoint(host="127.0.0.2") as good,
        http(at_one_host=3, timeout_seconds=1) as provider,
    ):
        stuck = [
            asyncio.create_task(provider.send(outbound(Channel.WEBHOOK, to=hung.url(f"/{number}"))))
            for number in range(3)
        ]
        await until(lambda: len(hung.received) == 3)
        with pytest.raises(Busy) as busy:
            await provider.send(outbound(Channel.WEBHOOK, to=hung.url()))
        assert busy.value.wait == BUSY_WAIT
        to_good = [outbound(Channel.WEBHOOK, to=good.url(host="127.0.0.2")) for _ in range(3)]
        assert all([isinstance(await provider.send(message), Sent) for message in to_good])
        outcomes: list[Outcome] = await asyncio.gather(*stuck)
        assert all(isinstance(outcome, Retry) for outcome in outcomes)
        hung.before = None
        assert isinstance(await provider.send(outbound(Channel.WEBHOOK, to=hung.url())), Sent)


async def test_the_more_wait_for_a_slow_host_the_longer_each_waits() -> None:
    slow = asyncio.Event()
    async with endpoint(before=slow.wait) as hook, http(at_one_host=2) as provider:
        under_way = [asyncio.create_task(provider.send(outbound(Channel.WEBHOOK, to=hook.url()))) for _ in range(2)]
        await until(lambda: len(hook.received) == 2)
        waits = [await _wait(provider, hook.url()) for _ in range(100)]
        assert (waits[0], waits[-1]) == (BUSY_WAIT, LONGEST_BUSY_WAIT)
        assert waits == sorted(waits)
        assert 5 < len(set(waits)) <= 100
        slow.set()
        await asyncio.gather(*under_way)
        assert isinstance(await provider.send(outbound(Channel.WEBHOOK, to=hook.url())), Sent)


async def _wait(provider: HttpProvider, url: str) -> timedelta:
    with pytest.raises(Busy) as busy:
        await provider.send(outbound(Channel.WEBHOOK, to=url))
    return busy.value.wait


async def test_a_send_that_is_cancelled_gives_its_place_back() -> None:
    async with endpoint(before=asyncio.Event().wait) as hook, http(at_one_host=1) as provider:
        task = asyncio.create_task(provider.send(outbound(Channel.WEBHOOK, to=hook.url())))
        await until(lambda: hook.received)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        hook.before = None
        assert isinstance(await provider.send(outbound(Channel.WEBHOOK, to=hook.url())), Sent)


async def test_title_and_text_are_posted_with_their_data() -> None:
    async with endpoint() as hook, http() as provider:
        await provider.send(outbound(Channel.WEBHOOK, to=hook.url(), template_code="welcome", variables={"n": 1}))
    body = json.loads(hook.received[0].body)
    assert (body["type"], body["text"], body["data"]) == ("notification", "Hello John", {"n": 1})
