"""Work for the system while something fails, and the account of it afterwards."""

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
    """Mails of one template, each to an address of its own; `ledger` knows which were accepted."""

    system: System
    code: str
    ledger: Ledger = field(default_factory=Ledger)
    refusals: list[httpx2.Response] = field(default_factory=list)

    @classmethod
    async def prepare(cls, system: System) -> "Load":
        """A template of our own."""
        return cls(system, (await system.create_template())["code"])

    def body(self) -> Json:
        """One more request."""
        return {
            "notification_type": "email",
            "recipient": {"email": new_email()},
            "template_code": self.code,
            "variables": {"name": "Ada"},
            "request_id": new_name("load"),
        }

    async def send_bulk(self, count: int) -> None:
        """Have `count` accepted."""
        for start in range(0, count, BULK):
            bodies = [self.body() for _ in range(min(BULK, count - start))]
            self.ledger.accept(await self.system.send_many(bodies))

    async def send_singly(self, count: int) -> None:
        """Try `count` once each, one after the other; what is refused is kept in `refusals`."""
        for _ in range(count):
            await self.try_once(self.body())

    async def try_once(self, body: Json) -> None:
        """One request, whatever it is answered."""
        self._note(await self.system.submit(**body))

    async def insist_on(self, body: Json, pause: float = 0.01) -> None:
        """One request, sent again with the same `request_id` until it is accepted."""
        await until(partial(self._accepted, body), 60, interval=pause, message="accepted in the end")

    async def send_for(self, seconds: float, senders: int = 8) -> None:
        """Have as many accepted as `senders` get accepted in so many seconds; what is refused is sent again."""
        stop = asyncio.Event()
        tasks = [asyncio.create_task(self.insist(stop)) for _ in range(senders)]
        try:
            await asyncio.sleep(seconds)
        finally:
            stop.set()
            await asyncio.gather(*tasks)

    async def insist(self, stop: asyncio.Event, pause: float = 0.01) -> None:
        """Send until `stop`; what gets no 202 is sent again with the same `request_id` until it does."""
        while not stop.is_set():
            await self.insist_on(self.body(), pause)
            await asyncio.sleep(pause)

    async def all_sent(self, within: float) -> None:
        """Return once every accepted one is `sent`."""
        await until(self._all_sent, within, interval=0.2, message=f"{len(self.ledger.accepted)} are sent")

    async def received(self, count: int, within: float = 30.0) -> None:
        """Return once the provider received `count` of ours."""
        await until(partial(self._have_arrived, count), within, interval=0.01, message=f"{count} are received")

    async def judge(self, *, window: int = 0, refused: int = 0) -> Account:
        """Assert that nothing was lost, and that at most `window` mails came twice: those in flight at a kill.

        `refused`: how many requests were answered otherwise while they may have been written.
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
    """Nothing lost, nothing in doubt, no more mails twice or unexpected than allowed."""
    few = account.duplicated <= duplicated and account.unexpected <= unexpected
    return (account.lost, account.ambiguous) == (0, 0) and few
