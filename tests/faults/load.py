"""Creates load while a fault is provoked, and compares what was accepted with what was received."""

import asyncio
from dataclasses import dataclass, field
from functools import partial

import httpx2

from angarium.testing.ledger import Account, Ledger
from tests.support.fault_table import note_account
from tests.support.system import System
from tests.support.system_verbs import Json, new_email, new_name
from tests.support.wait import until

BULK = 500


@dataclass(slots=True)
class Load:
    """Mails of one template to different addresses. `ledger` records the accepted ones."""

    system: System
    code: str
    ledger: Ledger = field(default_factory=Ledger)
    refusals: list[httpx2.Response] = field(default_factory=list)

    @classmethod
    async def prepare(cls, system: System) -> "Load":
        """Create the load with a new template."""
        return cls(system, (await system.create_template())["code"])

    def body(self) -> Json:
        """The body of another request."""
        return {
            "notification_type": "email",
            "recipient": {"email": new_email()},
            "template_code": self.code,
            "variables": {"name": "Ada"},
            "request_id": new_name("load"),
        }

    async def send_bulk(self, count: int) -> None:
        """Send bulk requests until `count` notifications are accepted."""
        for start in range(0, count, BULK):
            bodies = [self.body() for _ in range(min(BULK, count - start))]
            self.ledger.accept(await self.system.send_many(bodies))

    async def send_singly(self, count: int) -> None:
        """Send `count` requests once each, in sequence. Refused ones are added to `refusals`."""
        for _ in range(count):
            await self.try_once(self.body())

    async def try_once(self, body: Json) -> None:
        """Send one request, whatever the answer."""
        self._note(await self.system.submit(**body))

    async def insist_on(self, body: Json, pause: float = 0.01) -> None:
        """Send one request repeatedly, with the same `request_id`, until it is accepted."""
        await until(partial(self._accepted, body), 60, interval=pause, message="accepted in the end")

    async def send_for(self, seconds: float, senders: int = 8) -> None:
        """Send with `senders` concurrent tasks for this many seconds. Refused requests are repeated."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self.insist(stop)) for _ in range(senders)]
        try:
            await asyncio.sleep(seconds)
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def insist(self, stop: asyncio.Event, pause: float = 0.01) -> None:
        """Send until `stop` is set. A request without a 202 is repeated with the same `request_id`."""
        while not stop.is_set():
            await self.insist_on(self.body(), pause)
            await asyncio.sleep(pause)

    async def all_sent(self, within: float) -> None:
        """Wait until every accepted notification is `sent`."""
        await until(self._all_sent, within, interval=0.2, message=f"{len(self.ledger.accepted)} are sent")

    async def received(self, count: int, within: float = 30.0) -> None:
        """Wait until the provider has received `count` mails of this load."""
        await until(partial(self._have_arrived, count), within, interval=0.01, message=f"{count} are received")

    async def judge(self, *, window: int = 0, refused: int = 0) -> Account:
        """Assert that nothing was lost, and that at most `window` mails (those in flight at a kill) arrived twice.

        `refused`: the number of requests that were refused although they may have been stored.
        """
        statuses = await self.system.listed(template_code=self.code)
        account = self.ledger.account(statuses, self.system.sink.notifications())
        note_account(account, window=window)
        assert clean(account, duplicated=window, unexpected=refused), account
        return account

    async def _accepted(self, body: Json) -> bool:
        try:
            answer = await self.system.submit(**body)
        except httpx2.TransportError:
            return False
        self._note(answer)
        return answer.status_code == httpx2.codes.ACCEPTED

    def _note(self, answer: httpx2.Response) -> None:
        if answer.status_code == httpx2.codes.ACCEPTED:
            self.ledger.accept([answer.json()["data"]["notification_id"]])
        else:
            self.ledger.accept([], attempted=1)
            self.refusals.append(answer)

    async def _all_sent(self) -> bool:
        return await self.system.count(template_code=self.code, status="sent") >= len(self.ledger.accepted)

    def _have_arrived(self, count: int) -> bool:
        received = self.system.sink.notifications()
        return sum(received[id_] > 0 for id_ in self.ledger.accepted) >= count


def clean(account: Account, *, duplicated: int = 0, unexpected: int = 0) -> bool:
    """Whether nothing is lost or ambiguous, and no more mails are duplicated or unexpected than allowed."""
    few = account.duplicated <= duplicated and account.unexpected <= unexpected
    return (account.lost, account.ambiguous) == (0, 0) and few
