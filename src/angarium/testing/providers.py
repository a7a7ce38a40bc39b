"""A conformance suite for providers.

    class TestAcme(ProviderConformance):
        @asynccontextmanager
        async def subject(self) -> AsyncIterator[Subject]:
            async with scripted_api(answer) as api:
                yield Subject(Acme(api.origin), Channel.SMS, lambda: [call.json["key"] for call in api.calls])

The tests are coroutines: pytest needs a plugin that runs them, such as pytest-asyncio in its `auto` mode.
"""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from angarium.contracts.statuses import Channel
from angarium.delivery.outcome import Outcome, Retry, Sent
from angarium.delivery.provider import Address, Outbound, Provider
from angarium.rendering.content import Content, EmailContent, PushContent, SmsContent, WebhookContent

Arrived = Callable[[], Sequence[str] | Awaitable[Sequence[str]]]
"""Returns the message keys received so far, in order. May be a coroutine function."""

_CONTENT: dict[Channel, Content] = {
    Channel.EMAIL: EmailContent(subject="Hello John", html="<p>Hello John</p>", text="Hello John"),
    Channel.PUSH: PushContent(title="Hello", body="Hello John"),
    Channel.SMS: SmsContent(text="Hello John"),
    Channel.WEBHOOK: WebhookContent(title="Hello", text="Hello John"),
}
_ADDRESS = {
    Channel.EMAIL: "john@example.com",
    Channel.PUSH: "token123",
    Channel.SMS: "+14155550123",
    Channel.WEBHOOK: "https://hooks.example.com/a",
}


def outbound(
    channel: Channel = Channel.EMAIL,
    *,
    to: str | None = None,
    name: str | None = "John Doe",
    content: Content | None = None,
    id_: UUID | None = None,
    attempt: int = 1,
    **changes: Any,
) -> Outbound:
    """A message that every provider of `channel` accepts; `changes` overrides any field of Outbound."""
    notification_id = id_ or uuid4()
    values: dict[str, Any] = {
        "notification_id": notification_id,
        "tenant": "default",
        "channel": channel,
        "attempt": attempt,
        "message_key": str(notification_id),
        "address": Address(_ADDRESS[channel] if to is None else to, name),
        "content": content or _CONTENT[channel],
    }
    return Outbound(**{**values, **changes})


@dataclass(frozen=True, slots=True)
class Subject:
    """An open provider under test, and a service that accepts every valid message.

    - `channel`: one that it supports. `address`: the destination, by default a usual one of the channel.
    - `arrived`: what the service received; None if unknown.
    - `names_key`: the provider's message id contains the message's key.
    """

    provider: Provider
    channel: Channel
    arrived: Arrived | None = None
    address: Address | None = None
    names_key: bool = True

    def message(self, **changes: Any) -> Outbound:
        """A valid message for the provider; see `outbound`."""
        given = {} if self.address is None else {"address": self.address}
        return outbound(self.channel, **{**given, **changes})

    async def keys(self) -> Sequence[str] | None:
        """The keys of received messages; None if unknown."""
        if self.arrived is None:
            return None
        found = self.arrived()
        return await found if isinstance(found, Awaitable) else found


LONGEST_NAME = 40
"""Characters of a provider's name."""
ODD_MESSAGES: Sequence[Outbound] = (
    outbound(content=EmailContent("s", None, None)),
    outbound(content=EmailContent("s\r\nBcc: x@y.z", "<p>x</p>", None)),
    outbound(content=EmailContent("\ud800", "\udfff", None)),
    outbound(content=EmailContent("s", "x\x00y", "\x00")),
    outbound(to=""),
    outbound(to="\ud800@x.test"),
    outbound(name="\udfff"),
    outbound(name="x" * 100_000),
    outbound(headers={"\r\n": "\r\n"}),
    outbound(message_key=""),
    outbound(message_key="\u0000"),
    outbound(Channel.SMS),
    outbound(Channel.PUSH),
    outbound(Channel.WEBHOOK),
)
"""Messages that every provider must handle, whatever its channel: invalid text, other channels' content, empty keys."""


class ProviderConformance:
    """A test for each guarantee of the port `Provider`. Subclass it in your tests.

    Each test opens a subject of its own. A test fails with an AssertionError.
    """

    MANY = 300
    """Messages sent at once in `test_many_at_once_all_arrive_once`."""

    @abstractmethod
    def subject(self) -> AbstractAsyncContextManager[Subject]:
        """Open a provider and the service that it sends to. The tests close the provider."""
        raise NotImplementedError

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[Subject]:
        async with self.subject() as subject:
            try:
                yield subject
            finally:
                await subject.provider.close()

    async def test_it_is_named_and_ready(self) -> None:
        """`name` is a short lower-case word, for metrics and timelines."""
        async with self._opened() as subject:
            name = subject.provider.name
            _check(name == name.lower() and name.isprintable(), f"its name is {name!r}")
            _check(0 < len(name) <= LONGEST_NAME, f"its name has {len(name)} characters")
            _check(await subject.provider.ready(), "it is not ready")

    async def test_many_at_once_all_arrive_once(self) -> None:
        """`send` is safe to call concurrently."""
        async with self._opened() as subject:
            messages = [subject.message() for _ in range(self.MANY)]
            outcomes = await asyncio.gather(*(subject.provider.send(message) for message in messages))
            bad = [outcome for outcome in outcomes if not isinstance(outcome, Sent)]
            _check(not bad, f"{len(bad)} were not sent, the first: {bad[:1]}")
            keys = await subject.keys()
            wanted = sorted(message.message_key for message in messages)
            _check(keys is None or sorted(keys) == wanted, "not all arrived exactly once")

    async def test_every_attempt_has_the_same_key(self) -> None:
        """Repeated attempts have the same key, at the service and in the provider's id."""
        async with self._opened() as subject:
            first = subject.message()
            second = subject.message(id_=first.notification_id, attempt=2)
            outcomes = [await subject.provider.send(first), await subject.provider.send(second)]
            ids = {outcome.provider_message_id for outcome in outcomes if isinstance(outcome, Sent)}
            _check(all(isinstance(outcome, Sent) for outcome in outcomes), f"they were not sent: {outcomes}")
            _check(len(ids) == 1, f"two attempts have different ids: {ids}")
            (id_,) = ids
            named = id_ is not None and first.message_key in id_
            _check(named or not subject.names_key, f"the id {id_!r} does not hold the key")
            keys = await subject.keys()
            _check(keys is None or list(keys) == [first.message_key] * 2, f"these keys arrived: {keys}")

    async def test_every_message_has_an_outcome(self) -> None:
        """`send` never raises, whatever the message, and the next message is sent normally."""
        async with self._opened() as subject:
            for number, message in enumerate(ODD_MESSAGES):
                outcome = await subject.provider.send(message)
                _check(isinstance(outcome, Outcome), f"odd message {number}: {outcome!r} is no outcome")
                after = await subject.provider.send(subject.message())
                _check(isinstance(after, Sent), f"after odd message {number} a good one was not sent: {after}")

    async def test_a_bad_message_does_not_harm_others(self) -> None:
        """Concurrent messages are sent even if one cannot be sent."""
        async with self._opened() as subject:
            messages = [subject.message() for _ in range(20)]
            bad_one = subject.message(to="\ud800@x.test")
            ordered = [*messages[:10], bad_one, *messages[10:]]
            outcomes = await asyncio.gather(*(subject.provider.send(message) for message in ordered))
            answers = zip(ordered, outcomes, strict=True)
            bad = [outcome for message, outcome in answers if message is not bad_one and not isinstance(outcome, Sent)]
            _check(not bad, f"neighbours of a bad message were not sent: {bad[:1]}")

    async def test_a_cancelled_send_leaves_others_alone(self) -> None:
        """Cancelling a send does not affect others."""
        async with self._opened() as subject:
            sends = [asyncio.create_task(subject.provider.send(subject.message())) for _ in range(60)]
            await asyncio.sleep(0)
            for task in sends[::2]:
                task.cancel()
            results = await asyncio.gather(*sends, return_exceptions=True)
            odd = [result for result in results if not isinstance(result, Sent | asyncio.CancelledError)]
            _check(not odd, f"neither sent nor cancelled: {odd[:1]}")
            _check(all(isinstance(result, Sent) for result in results[1::2]), "one that was not cancelled was not sent")
            _check(isinstance(await subject.provider.send(subject.message()), Sent), "the next one was not sent")

    async def test_closed_it_refuses_and_may_be_closed_again(self) -> None:
        """After `close`, `send` returns Retry and `ready` is false."""
        async with self._opened() as subject:
            await subject.provider.send(subject.message())
            await subject.provider.close()
            await subject.provider.close()
            outcome = await subject.provider.send(subject.message())
            _check(isinstance(outcome, Retry), f"a closed provider answered {outcome}")
            _check(not await subject.provider.ready(), "a closed provider says that it is ready")

    async def test_closing_lets_sends_under_way_end(self) -> None:
        """Sends in progress when `close` is called end as sent or as Retry."""
        async with self._opened() as subject:
            sends = [asyncio.create_task(subject.provider.send(subject.message())) for _ in range(30)]
            await asyncio.sleep(0)
            await subject.provider.close()
            outcomes = await asyncio.gather(*sends)
            odd = [outcome for outcome in outcomes if not isinstance(outcome, Sent | Retry)]
            _check(not odd, f"a send under way ended as {odd[:1]}")
            keys, sent = await subject.keys(), sum(isinstance(outcome, Sent) for outcome in outcomes)
            _check(keys is None or len(keys) == sent, "what arrived is not what was said to be sent")


def _check(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)
