"""Builds use cases of the gateway from its parts."""

from collections.abc import Sequence

from angarium import __version__
from angarium.notifications.erasing import Erasing
from angarium.notifications.publisher import OutboxPublisher
from angarium.notifications.store.erasure import Erasure
from angarium.notifications.store.prior import PriorAcceptances
from angarium.notifications.store.retention import Elsewhere, Retention
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.http.frame.health import Health, answers
from angarium.services.gateway.accepting.lanes import FairLanes
from angarium.services.gateway.accepting.use_cases import Acceptor, AcceptorParts
from angarium.services.gateway.audit.log import AuditLog
from angarium.services.gateway.b2b.plain_text import PlainTexts
from angarium.services.gateway.b2b.use_cases import Emails
from angarium.services.gateway.callbacks.dispatcher import CallbackDispatcher
from angarium.services.gateway.callbacks.store import CallbackStore
from angarium.services.gateway.documents.use_cases import Documents
from angarium.services.gateway.parts import GatewayParts
from angarium.services.gateway.providers.trying import ProviderTests
from angarium.services.gateway.retention import RetentionKeeper


def build_erasing(parts: GatewayParts, suppressions: SuppressionStore) -> Erasing:
    """Build the erasure of users' data, in the database and the mailbox."""
    erasure = Erasure(
        parts.engine, parts.runtime.clock, elsewhere=_elsewhere(parts), forget_user=suppressions.forget_user
    )
    return Erasing(parts.engine, erasure, parts.runtime.clock)


def build_retention(parts: GatewayParts) -> RetentionKeeper:
    """Build the loop that deletes and redacts finished notifications."""
    return RetentionKeeper(
        engine=parts.engine,
        retention=Retention(parts.engine, parts.runtime.clock, elsewhere=_elsewhere(parts)),
        periods=parts.periods,
        runtime=parts.runtime,
    )


def _elsewhere(parts: GatewayParts) -> Sequence[Elsewhere]:
    """Functions that delete notifications outside of `notification_db`: the mailbox."""
    return (parts.caught.forget,) if parts.caught is not None else ()


def build_acceptor_parts(parts: GatewayParts, publisher: OutboxPublisher, lanes: FairLanes) -> AcceptorParts:
    """Collect what acceptance uses."""
    return AcceptorParts(
        store=parts.store,
        publisher=publisher,
        contacts=parts.contacts,
        templates=parts.templates,
        find_prior=PriorAcceptances(parts.engine).find,
        runtime=parts.runtime,
        rules=parts.rules,
        lanes=lanes,
        fast_paths=parts.fast_paths,
    )


def build_dispatcher(parts: GatewayParts, callbacks: CallbackStore) -> CallbackDispatcher | None:
    """Build the loop that posts callbacks; None without a configured sender."""
    if parts.callbacks is None:
        return None
    return CallbackDispatcher(store=callbacks, sender=parts.callbacks, runtime=parts.runtime)


def build_health(parts: GatewayParts) -> Health:
    """Build the health checks.

    The cache is optional: without it the gateway is only slower, so it is reported but does not affect readiness.
    """
    checks = {
        "database": parts.store.problem,
        "broker": parts.broker.problem,
        "cache": answers(parts.cache.ready),
    }
    return Health("gateway", __version__, checks, optional=frozenset({"cache"}))


def build_emails(parts: GatewayParts, acceptor: Acceptor, plain_texts: PlainTexts) -> Emails:
    """Build the use cases of the B2B email surface."""
    return Emails(
        acceptor=acceptor,
        reader=parts.reader,
        store=parts.store,
        broker=parts.broker,
        identifiers=parts.runtime.identifiers,
        plain_texts=plain_texts,
    )


def build_provider_tests(parts: GatewayParts, acceptor: Acceptor, audit: AuditLog) -> ProviderTests:
    """Build the use case that sends a test message through one provider."""
    return ProviderTests(
        store=parts.providers,
        acceptor=acceptor,
        audit=audit,
        clock=parts.runtime.clock,
        plain=parts.rules.callback_allow,
    )


def build_documents(parts: GatewayParts) -> Documents:
    """Build the merged OpenAPI document."""
    return Documents({"users": parts.users_client, "templates": parts.templates_client}, parts.runtime.clock)
