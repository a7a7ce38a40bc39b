"""Replies by SMS: STOP suppresses for all of a tenant's senders, START lifts only that."""

import pytest

from angarium.contracts.statuses import Channel
from angarium.contracts.suppressions import SuppressionReason
from angarium.notifications.suppressions.consent import Consented, consent, wish_of
from angarium.notifications.suppressions.model import NewSuppression, Target
from angarium.notifications.suppressions.store import SuppressionStore
from angarium.platform.identifiers import Identifiers
from tests.conformance.store.backends import Backend

NUMBER = "+14155550123"
PHONE = Target("default", Channel.SMS, NUMBER)


@pytest.fixture
def store(backend: Backend) -> SuppressionStore:
    return SuppressionStore(backend.engine, backend.clock, Identifiers(backend.clock))


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        *[
            (word, Consented.STOPPED)
            for word in (
                "STOP",
                "stop",
                "Stop.",
                " stop! ",
                "quit",
                "END",
                "revoke",
                "opt out",
                "OPT-OUT",
                "optout",
                "Cancel",
                "unsubscribe",
                "\u00abSTOP\u00bb",
            )
        ],
        ("START", Consented.STARTED),
        ("unstop", Consented.STARTED),
        ("Help?", Consented.HELP),
        ("please do not stop", Consented.NOTHING),
        ("the end", Consented.NOTHING),
        ("", Consented.NOTHING),
        ("yes", Consented.NOTHING),
    ],
)
def test_only_a_whole_reply_is_a_request(text: str, wish: Consented) -> None:
    assert wish_of(text) is wish


async def test_stop_suppresses_the_number_until_start(store: SuppressionStore) -> None:
    assert await consent(store, "default", "+1 415 555 0123", "STOP", "twilio") is Consented.STOPPED
    assert await consent(store, "default", NUMBER, "stop", "twilio") is Consented.STOPPED
    cause = (await store.causes([PHONE]))[PHONE]
    assert (cause.reason, cause.source) == (SuppressionReason.OPT_OUT, "twilio")
    assert await consent(store, "default", NUMBER, "Start", "twilio") is Consented.STARTED
    assert await store.causes([PHONE]) == {}
    assert await consent(store, "default", NUMBER, "start", "twilio") is Consented.NOTHING


@pytest.mark.parametrize("reason", [reason for reason in SuppressionReason if reason is not SuppressionReason.OPT_OUT])
async def test_start_lifts_nothing_but_an_opt_out(store: SuppressionStore, reason: SuppressionReason) -> None:
    await store.add(NewSuppression(target=PHONE, reason=reason, source="api"))
    await consent(store, "default", NUMBER, "STOP", "twilio")
    assert await consent(store, "default", NUMBER, "START", "twilio") is Consented.STARTED
    assert (await store.causes([PHONE]))[PHONE].reason is reason


async def test_a_reply_to_one_tenant_does_not_concern_another(store: SuppressionStore) -> None:
    await consent(store, "other", NUMBER, "STOP", "twilio")
    assert await store.causes([PHONE]) == {}
    await consent(store, "default", NUMBER, "STOP", "twilio")
    await consent(store, "other", NUMBER, "START", "twilio")
    assert await store.causes([PHONE])


@pytest.mark.parametrize("text", ["HELP", "thanks"])
async def test_other_replies_change_nothing(store: SuppressionStore, text: str) -> None:
    await consent(store, "default", NUMBER, text, "twilio")
    assert await store.causes([PHONE]) == {}


async def test_a_number_that_cannot_be_right_is_refused_unquoted(store: SuppressionStore) -> None:
    with pytest.raises(ValueError, match="phone number") as refused:
        await consent(store, "default", "+19", "STOP", "twilio")
    assert "+19" not in str(refused.value)
