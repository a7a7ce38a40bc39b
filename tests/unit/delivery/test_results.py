"""What is kept of a provider's answer."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from angarium.contracts.statuses import Channel, DeliveryPolicy, Status
from angarium.delivery.outcome import Permanent, Retry, Sent
from angarium.delivery.results import ANSWER_LIMIT, Attempt, Results, bare, tidy
from angarium.notifications.model import Claimed, Reason, Result
from angarium.notifications.store.port import NotificationStore
from angarium.platform.identifiers import Identifiers
from tests.support.clock import ManualClock
from tests.support.delivering import delivering

HOUR = timedelta(hours=1)
AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
CLAIMED = Claimed(
    id=UUID(int=7), claim_token=UUID(int=8), attempt=1, tenant="acme", request_id="r", channel=Channel.EMAIL,
    user_id=None, recipient=None, template_code="t", template_version=1, locale="en", category=None, priority=5,
    variables={}, correlation_id="c", traceparent=None, policy=DeliveryPolicy.AT_LEAST_ONCE, expired=False,
    expires_at=None, created_at=AT,
)  # fmt: skip
RESULTS = Results(ManualClock(), Identifiers(ManualClock()))


def said(result: Result) -> str:
    """All that is recorded."""
    return str(msgspec.structs.replace(result, outbox=()))


@given(st.text() | st.text("ab \t\n\x00", min_size=ANSWER_LIMIT, max_size=3 * ANSWER_LIMIT))
def test_an_answer_is_one_printable_line(answer: str) -> None:
    plain = "".join(c if c.isprintable() else " " for c in answer[: ANSWER_LIMIT * 2])
    assert tidy(answer) == " ".join(plain.split())[:ANSWER_LIMIT]


def test_no_word_of_a_template_or_a_provider_is_refused_by_a_database() -> None:
    odd = "a\x00b\ud800" + "c" * 2000
    sent = Attempt("smtp", Sent(odd, provider_message_id=odd), AT, 1)
    made = RESULTS.of_attempts(CLAIMED, [sent], sent, ())
    failed = RESULTS.failed(CLAIMED, Reason("render_failed", odd))
    skipped = RESULTS.ended(CLAIMED, Status.SKIPPED, Reason("suppressed", odd))
    for result in (made, failed, skipped):
        assert "\\x00" not in said(result)
        assert "\\ud800" not in said(result)
        assert "c" * 501 not in said(result)
    assert made.provider_message_id is not None
    assert made.provider_message_id.startswith("a b ")


def test_a_bare_result_is_the_same_change_without_words() -> None:
    attempt = Attempt("smtp", Permanent("550 canary"), AT, 1)
    whole = RESULTS.of_attempts(CLAIMED, [attempt], attempt, ())
    made = bare(whole)
    assert "canary" in said(whole)
    assert "canary" not in said(made)
    assert (made.status, made.claim_token, made.dead_letter is None) == (whole.status, whole.claim_token, False)
    assert [event.event for event in made.events] == [event.event for event in whole.events]


@pytest.mark.parametrize(("expires_in", "wait"), [(None, 3600), (5, 5), (-1, 0), (7200, 3600)])
def test_quiet_hours_end_with_the_notification_and_a_retry_after_does_not(expires_in: int | None, wait: int) -> None:
    """A worker's clock may be wrong: by it, a provider would be asked again before the time that it named."""
    now = ManualClock().now()
    expires_at = None if expires_in is None else now + timedelta(seconds=expires_in)
    claimed = msgspec.structs.replace(CLAIMED, expires_at=expires_at)
    attempt = Attempt("smtp", Retry("429", after=HOUR), now, 1)
    retried = RESULTS.of_attempts(claimed, [attempt], attempt, (timedelta(seconds=1),))
    scheduled = RESULTS.scheduled(claimed, now + HOUR, Reason("quiet_hours", "quiet"))
    assert (retried.wait, scheduled.wait) == (HOUR, timedelta(seconds=wait))


class RefusesWords:
    """A store that takes no result with the id that a provider gave, as a database might for reasons of its own."""

    def __init__(self, store: NotificationStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def record(self, results: Sequence[Result]) -> Sequence[bool]:
        if any(result.provider_message_id for result in results):
            raise ValueError("an odd word")
        return await self._store.record(results)


async def test_what_was_sent_is_not_sent_again_because_of_a_word(tmp_path: Path) -> None:
    def through(store: NotificationStore) -> NotificationStore:
        return cast("NotificationStore", RefusesWords(store))

    async with delivering(tmp_path, through=through) as bench:
        made = await bench.accept(3)
        for notification_id in made:
            await bench.ends_as(notification_id, "sent")
        assert len(bench.provider.received) == 3
