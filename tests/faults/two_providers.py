"""Three workers with two email providers that record what they receive. The first provider can be shut down."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from angarium.testing.ledger import Account
from angarium.testing.proxy import Proxy
from angarium.testing.smtp.script import Received
from angarium.testing.smtp.sink import SmtpSink
from tests.faults.load import Load, clean
from tests.support.fault_table import note_account
from tests.support.system import DistributedSystem
from tests.support.system_verbs import Json, new_name
from tests.support.wait import until

WORKERS = 3


@dataclass(slots=True)
class Two:
    """The workers' names, a load, and the providers. `door` is a proxy to the first provider that can refuse."""

    system: DistributedSystem
    workers: Sequence[str]
    load: Load
    name: str
    """The name of the first provider. Each test uses a new one, because breakers are stored by name."""
    door: Proxy
    second: SmtpSink
    before: int
    """The number of mails that the first provider had received before."""

    @property
    def by_first(self) -> Sequence[Received]:
        """The mails that the first provider received, in order."""
        return self.system.sink.received[self.before :]

    async def start(self) -> None:
        """Start all workers concurrently."""
        await self.system.start(*self.workers)

    def said(self, event: str) -> Sequence[Json]:
        """The workers' log lines about the first provider with this event."""
        return [line for worker in self.workers for line in self._lines(worker) if line["event"] == event]

    async def breaker_is(self, state: str, within: float = 60.0) -> None:
        """Wait until the first provider's breaker has this state."""
        await until(partial(self._shows, state), within, interval=0.1, message=f"the breaker is {state}")

    async def second_received(self, count: int, within: float = 60.0) -> None:
        """Wait until the second provider has received `count` mails."""
        await until(lambda: len(self.second.received) >= count, within, interval=0.05, message=f"{count} by the second")

    async def judge(self, *, window: int = 0) -> Account:
        """Assert that nothing was lost, and that at most `window` mails arrived twice at the two providers together."""
        ledger, received = self.load.ledger, Counter(self.system.sink.notifications())
        received.update(self.second.notifications())
        account = ledger.account(await self.system.listed(template_code=self.load.code), received)
        note_account(account, window=window)
        assert clean(account, duplicated=window), account
        return account

    def _lines(self, worker: str) -> Iterator[Json]:
        for line in self.system.tail(worker, 0).splitlines():
            if f'"{self.name}"' in line:
                yield json.loads(line)

    async def _shows(self, state: str) -> bool:
        shown = await self.system.client.get("/api/v1/providers")
        return state in {one["breaker"] for one in shown.json()["data"] if one["name"] == self.name}


@asynccontextmanager
async def two_providers(
    system: DistributedSystem, *, first: str = "", second: str = "", settings: Mapping[str, str] | None = None
) -> AsyncIterator[Two]:
    """Three email workers that are not started yet. `first`, `second`: additional URL parameters of the providers."""
    await system.stop("email")
    name = new_name("a")
    with ExitStack() as stack:
        other = stack.enter_context(SmtpSink())
        async with Proxy("127.0.0.1", system.sink.port) as door:
            urls = f"{door.through(system.sink.url)}&name={name}{first},{other.url}&name={new_name('b')}{second}"
            given = {"EMAIL_PROVIDERS": urls, **(settings or {})}
            system.own_settings["email"] = given
            workers = ("email", *(system.copy("email", given) for _ in range(WORKERS - 1)))
            load = await Load.prepare(system)
            try:
                yield Two(system, workers, load, name, door, other, len(system.sink.received))
            finally:
                system.own_settings.pop("email", None)
                await system.kill("email")
                for worker in workers[1:]:
                    system.forget(worker)


def by_the_second(mails: Sequence[Received]) -> Sequence[int]:
    """The number of `mails` in each second after the first second, which begins with the first mail."""
    moments = [mail.at for mail in mails]
    counts = Counter(int(moment - min(moments)) for moment in moments)
    return [counts[second] for second in range(1, max(counts) + 1)]


def most_in_a_second(mails: Sequence[Received]) -> int:
    """The maximum number of mails in any period of one second after the first second."""
    moments = sorted(mail.at for mail in mails)
    moments = [moment for moment in moments if moment >= moments[0] + 1.0]
    start, most = 0, 0
    for position, moment in enumerate(moments):
        while moments[start] <= moment - 1.0:
            start += 1
        most = max(most, position - start + 1)
    return most
