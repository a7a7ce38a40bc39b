"""Takes what providers post: verified, durable, and applied after that."""

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy.ext.asyncio import AsyncEngine

from angarium.channels.receiving import NotSigned, Posted, Read, ReceiptSource, Reply, Unreadable
from angarium.channels.sms.answering import Answer
from angarium.contracts.errors import NotFound, Unauthorized, ValidationFailed
from angarium.notifications.receipt import Receipt, ReceiptKind
from angarium.notifications.receipts.applying import ApplyReceipts
from angarium.notifications.receipts.pruning import PruneReceipts
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.receipts import ReceiptStore
from angarium.notifications.suppressions.consent import consent_everywhere
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.loop import Loop
from angarium.platform.runtime import Runtime

REFUSED = "The token or the signature is not right"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRules:
    """What is accepted: `sources` by the name of their provider. Without a `token` nothing is.

    `answers`: what answers replies to providers that do not do it themselves, by name.

    `public_url`: where providers reach the gateway, for those that sign the URL. It may also be the one of the request.
    """

    sources: Mapping[str, ReceiptSource] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    public_url: str | None = None


NO_WEBHOOKS = WebhookRules()


class ProviderWebhooks:
    """Everything is idempotent: providers repeat what was not answered by a 200, and sometimes what was.

    `tenants` lists every tenant. `loops` run beside it.
    """

    def __init__(
        self,
        rules: WebhookRules,
        *,
        engine: AsyncEngine,
        store: NotificationStore,
        suppressions: SuppressionStore,
        tenants: Callable[[], Awaitable[Sequence[str]]],
        runtime: Runtime,
    ) -> None:
        self._rules = rules
        self.receipts = ReceiptStore(engine, runtime.clock)
        self.applying = ApplyReceipts(
            engine=engine, receipts=self.receipts, store=store, suppressions=suppressions, runtime=runtime
        )
        self.loops: Sequence[Loop] = (self.applying, PruneReceipts(self.receipts, runtime.clock))
        self._suppressions = suppressions
        self._tenants = tenants
        self._answering: set[asyncio.Task[None]] = set()
        self._logger = runtime.logger
        self._metrics = runtime.metrics

    def admit(self, provider: str, token: str) -> None:
        """Raise Unauthorized for a wrong token, NotFound for a provider that has no webhooks."""
        right = self._rules.token
        if right is None or not hmac.compare_digest(token.encode("utf-8", "replace"), right.encode()):
            self._count(provider, "refused")
            raise Unauthorized(REFUSED)
        if provider not in self._rules.sources:
            raise NotFound("No provider of this name has webhooks")

    def urls(self, path: str, asked: str) -> tuple[str, ...]:
        """The URLs by which the provider may have made a request of `path`, query included; `asked`: as it came."""
        base = self._rules.public_url
        return (asked,) if base is None else (base.rstrip("/") + path, asked)

    async def take(self, provider: str, posted: Posted) -> Read:
        """Verify and store. What it says is durable when this returns.

        Raises Unauthorized, ValidationFailed; Transient, after which the provider posts it again.
        """
        try:
            read = await self._rules.sources[provider].read(posted)
        except NotSigned as error:
            self._count(provider, "refused")
            self._logger.warning("receipt.refused", provider=provider)
            raise Unauthorized(REFUSED) from error
        except Unreadable as error:
            self._count(provider, "unreadable")
            self._logger.warning("receipt.unreadable", provider=provider, reason=str(error))
            raise ValidationFailed.of("body", str(error)) from error
        if read.unreadable:
            self._logger.warning("receipt.unreadable", provider=provider, events=read.unreadable)
        await self._store(read.receipts)
        for reply in read.replies:
            await self._consent(provider, reply)
        self._count(provider, "taken")
        return read

    async def _store(self, receipts: Sequence[Receipt]) -> None:
        """A deferral changes nothing, so it is only counted."""
        for receipt in receipts:
            self._metrics.receipts_total.labels(receipt.provider, str(receipt.kind)).inc()
        lasting = [receipt for receipt in receipts if receipt.kind is not ReceiptKind.DEFERRED]
        if lasting and await self.receipts.add(lasting):
            self.applying.wake()

    async def _consent(self, provider: str, reply: Reply) -> None:
        """Do what a reply asks for. Once it is stored, repetitions change nothing and are not answered."""
        if await self.receipts.known(reply.key):
            return
        try:
            done = await consent_everywhere(
                self._suppressions, await self._tenants(), reply.number, reply.text, source=provider
            )
        except ValueError:  # the sender is a short code or a name
            return
        new = await self.receipts.add_reply(reply.key, provider)
        self._logger.info("sms.reply", provider=provider, result=str(done))
        answer = self._rules.answers.get(provider)
        if new and answer is not None:  # the provider does not wait for it
            task = asyncio.create_task(answer(reply.key, reply.number, done))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def close(self) -> None:
        """Wait for the answers that are under way."""
        await asyncio.gather(*self._answering, return_exceptions=True)

    def _count(self, provider: str, result: str) -> None:
        name = provider if provider in self._rules.sources else "unknown"
        self._metrics.receipt_requests_total.labels(name, result).inc()
