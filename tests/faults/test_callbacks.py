"""Callback endpoints that hang, redirect or fail do not delay the callbacks of others."""

import asyncio
import statistics
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from angarium.services.gateway.callbacks.dispatcher import AT_ONCE, AT_ONCE_TO_A_HOST
from tests.support.callbacks import SHORT, Callbacks, delivering, verified
from tests.support.endpoint import Endpoint, endpoint
from tests.support.wait import until

ENDPOINTS = 20
EACH = 10
TO_THE_HUNG_ONE = 300
"""More than the maximum of concurrent attempts of a gateway."""
TO_THE_OTHER_BAD_ONES = 40
SLACK = 3.0
"""Seconds in addition to the allowed 10 %: repeated callbacks and other tests use the machine too. An endpoint that
hangs would delay the others by 10 s."""


@pytest.mark.fault(38)
@pytest.mark.long  # it measures time, which needs an idle machine
async def test_bad_callback_endpoints_do_not_delay_others(tmp_path: Path) -> None:
    """Compares the 95th percentile of the time from a status to its callback, with and without bad endpoints."""
    alone = await _measured(tmp_path / "alone", bad=False)
    beside = await _measured(tmp_path / "beside", bad=True)
    assert beside <= alone * 1.1 + SLACK, f"p95 {alone:.3f} s alone, {beside:.3f} s beside bad endpoints"


async def _measured(folder: Path, *, bad: bool) -> float:
    folder.mkdir()  # noqa: ASYNC240 - a temporary folder
    async with AsyncExitStack() as stack:
        callbacks = await stack.enter_async_context(delivering(folder, schedule=SHORT))
        good = [await stack.enter_async_context(endpoint()) for _ in range(ENDPOINTS)]
        if bad:
            await _beside_bad_ones(stack, callbacks)
        started = asyncio.get_running_loop().time()
        await callbacks.end([one.url(f"/{number}") for number in range(EACH) for one in good])
        await until(lambda: all(len(one.received) >= EACH for one in good), 30)
        return _p95(good, started)


async def _beside_bad_ones(stack: AsyncExitStack, callbacks: Callbacks) -> None:
    never = asyncio.Event()
    secret = await stack.enter_async_context(endpoint(host="127.0.0.2"))
    hung = await stack.enter_async_context(endpoint(before=never.wait))
    astray = await stack.enter_async_context(endpoint(status=302))
    astray.headers["location"] = secret.url("/secret", host="127.0.0.2")
    ailing = await stack.enter_async_context(endpoint(answers=[500] * 30))
    bad = [hung, astray, ailing]
    await callbacks.end([hung.url()] * TO_THE_HUNG_ONE)
    await callbacks.end([one.url() for _ in range(TO_THE_OTHER_BAD_ONES) for one in (astray, ailing)])
    await until(lambda: all(one.received for one in bad), 20)
    stack.callback(_check_the_bad_ones, secret=secret, hung=hung)


def _check_the_bad_ones(*, secret: Endpoint, hung: Endpoint) -> None:
    assert secret.received == []
    assert len(hung.received) <= AT_ONCE_TO_A_HOST


def _p95(good: Sequence[Endpoint], started: float) -> float:
    received = [one for endpoint_ in good for one in endpoint_.received]
    bodies = [verified(one) for one in received]
    assert len({body["notification_id"] for body in bodies}) == ENDPOINTS * EACH
    return statistics.quantiles([one.at - started for one in received], n=20)[-1]


async def test_an_endpoint_gets_all_callbacks_after_it_recovers(tmp_path: Path) -> None:
    async with endpoint(answers=[500, 503, 500, 500, 503]) as ailing, delivering(tmp_path, schedule=SHORT) as callbacks:
        ids = await callbacks.end([ailing.url()] * 12)

        async def all_delivered() -> bool:
            rows = await callbacks.backend.query("SELECT count(*) AS count FROM callbacks WHERE state = 'delivered'")
            return bool(rows[0]["count"] == len(ids))

        await until(all_delivered, 30)
    told = {verified(received)["notification_id"] for received in ailing.received}
    assert told == {str(identifier) for identifier in ids}


@pytest.mark.long
@pytest.mark.fault(54)
async def test_hundreds_of_hanging_endpoints_do_not_block_another_tenant(tmp_path: Path) -> None:
    """Together they could use all attempts of a gateway."""
    never = asyncio.Event()
    async with (
        endpoint(before=never.wait, host="0.0.0.0") as hung,  # noqa: S104 - hundreds of loopback addresses
        endpoint() as good,
        delivering(tmp_path, allow="127.0.0.0/16") as callbacks,
    ):
        hosts = [f"127.0.1.{number}" for number in range(1, 250)] + [f"127.0.2.{number}" for number in range(1, 250)]
        await callbacks.end([hung.url(host=host) for host in hosts], tenant="greedy")
        await until(lambda: callbacks.dispatcher._tenants.in_use >= AT_ONCE // 2, 30)
        started = asyncio.get_running_loop().time()
        await callbacks.end([good.url(f"/{number}") for number in range(20)], tenant="other")
        await until(lambda: len(good.received) == 20, 30)
        assert good.received[0].at - started < 5, "before the first hung attempt has ended"
        shown = callbacks.metrics.render().decode()
        assert 'angarium_largest_tenant_share{resource="callbacks"} 0.5' in shown
        never.set()
        await until(lambda: len(hung.received) >= len(hosts) and not callbacks.dispatcher._tenants.in_use, 60)
