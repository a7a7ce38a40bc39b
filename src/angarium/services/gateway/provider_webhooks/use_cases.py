"""Receives webhooks of providers: verifies them, stores them durably, and applies them afterwards."""

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

REFUSED = "The token or the signature is not valid"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookRules:
    """The configuration of webhooks. Without a `token`, all of them are refused.

    `sources` and `answers` are by provider name. `answers` confirms SMS replies for providers that do not do so
    themselves. `public_url` is the gateway's public address, for providers that sign the URL; a signature of the
    requested URL is accepted too.
    """

    sources: Mapping[str, ReceiptSource] = field(default_factory=dict)
    answers: Mapping[str, Answer] = field(default_factory=dict)
    token: str | None = field(default=None, repr=False)
    public_url: str | None = None


NO_WEBHOOKS = WebhookRules()


class ProviderWebhooks:
    """Receives webhooks. Idempotent: providers repeat webhooks without a 200, and sometimes others.

    `tenants` returns every tenant. The caller runs `loops` in the background.
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
        """Raise Unauthorized for a wrong token, NotFound for a provider without webhooks."""
        right = self._rules.token
        if right is None or not hmac.compare_digest(token.encode("utf-8", "replace"), right.encode()):
            self._count(provider, "refused")
            raise Unauthorized(REFUSED)
        if provider not in self._rules.sources:
            raise NotFound("No provider with this name has webhooks")

    def urls(self, path: str, requested: str) -> tuple[str, ...]:
        """The URLs that the provider may have signed.

        `path` includes the query. `requested` is the URL as the gateway received it.
        """
        base = self._rules.public_url
        return (requested,) if base is None else (base.rstrip("/") + path, requested)

    async def take(self, provider: str, posted: Posted) -> Read:
        """Verify and store a webhook. Its receipts and replies are durable when this returns.

        Raises Unauthorized, ValidationFailed; Transient, after which the provider repeats the webhook.
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
        """Store the receipts. Deferrals are only counted: they change no status."""
        for receipt in receipts:
            self._metrics.receipts_total.labels(receipt.provider, str(receipt.kind)).inc()
        lasting = [receipt for receipt in receipts if receipt.kind is not ReceiptKind.DEFERRED]
        if lasting and await self.receipts.add(lasting):
            self.applying.wake()

    async def _consent(self, provider: str, reply: Reply) -> None:
        """Opt the sender in or out as the reply says. A reply that is already stored is ignored."""
        if await self.receipts.known(reply.key):
            return
        try:
            done = await consent_everywhere(
                self._suppressions, await self._tenants(), reply.number, reply.text, source=provider
            )
        except ValueError:  # the sender is not a phone number but a short code or a name
            return
        new = await self.receipts.add_reply(reply.key, provider)
        self._logger.info("sms.reply", provider=provider, result=str(done))
        answer = self._rules.answers.get(provider)
        if new and answer is not None:  # sent in the background: the provider must not wait for it
            task = asyncio.create_task(answer(reply.key, reply.number, done))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)

    async def close(self) -> None:
        """Wait for the answers in progress."""
        await asyncio.gather(*self._answering, return_exceptions=True)

    def _count(self, provider: str, result: str) -> None:
        name = provider if provider in self._rules.sources else "unknown"
        self._metrics.receipt_requests_total.labels(name, result).inc()
