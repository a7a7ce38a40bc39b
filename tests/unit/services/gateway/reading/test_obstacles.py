"""What keeps providers from a notification that waits, in plain words."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from angarium.contracts.notifications import NotificationView
from angarium.contracts.providers import BreakerState, SenderState
from angarium.contracts.statuses import Channel, Status, delivery_status
from angarium.notifications.providers.model import Configured, SenderStanding, Standing
from angarium.services.gateway.reading.obstacles import NO_OBSTACLES, obstacles_of
from angarium.services.gateway.reading.why import explain

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
NOW = AT + timedelta(seconds=3)
LATER = {"event": "attempt", "attempt": 1, "provider": "smtp", "outcome": "retry", "answer": "451 later"}
LOST = {**LATER, "outcome": "ambiguous", "answer": "lost"}
DOWN: dict[str, Any] = {
    "breaker": BreakerState.OPEN,
    "reason": "5 connection failures in a row",
    "opened_at": AT,
    "probe_at": AT + timedelta(seconds=4),
}
OPEN = (
    "smtp is not used: its circuit breaker has been open since 2026-11-20 09:00:00 UTC"
    " (5 connection failures in a row). It is tried again at 2026-11-20 09:00:04 UTC."
)

FORCED = (
    "smtp is not used: an operator opened its circuit breaker at 2026-11-20 09:00:00 UTC."
    " It is used again when an operator closes it."
)


def view(status: Status = Status.PENDING, **changes: Any) -> NotificationView:
    values: dict[str, Any] = {
        "notification_id": UUID(int=1), "request_id": "r", "notification_type": Channel.EMAIL, "user_id": None,
        "recipient": {"email": "x"}, "template_code": "welcome", "template_version": 1, "locale": "en",
        "category": None, "priority": 5, "status": status, "delivery_status": delivery_status(status), "reason": None,
        "attempts": 0, "provider": None, "provider_message_id": None, "variables": {}, "metadata": {},
        "correlation_id": "c-1", "fallback": [], "fallback_of": None, "send_at": None, "expires_at": None,
        "created_at": AT, "updated_at": AT, "sent_at": None, "delivered_at": None,
    }  # fmt: skip
    return NotificationView(**(values | changes))


def standing(name: str = "smtp", channel: Channel = Channel.EMAIL, **changes: Any) -> Standing:
    values: dict[str, Any] = {
        "configured": Configured(UUID(int=2), channel, name, "smtp", 1, None, None),
        "breaker": BreakerState.CLOSED,
        "forced": False,
        "reason": None,
        "changed_at": None,
        "answers": 0,
        "faults": 0,
        "workers": 1,
        **changes,
    }
    return Standing(**values)


def paused(**changes: Any) -> Standing:
    return standing(sender=SenderStanding(SenderState.PAUSED, changed_at=AT, **changes))


def summary(*providers: Standing, events: Any = (), **changes: Any) -> str:
    """The explanation's first words."""
    shown = view(**changes)
    obstacles = obstacles_of(shown, events, providers, never_paused={"orders"}, now=NOW)
    return explain(shown, [{"event": "accepted", "at": "2026-11-20T09:00:00Z"}, *events], obstacles).summary


@pytest.mark.parametrize(
    ("provider", "words"),
    [
        (standing(**DOWN), f"Waits, since {OPEN}"),
        (
            standing(**{**DOWN, "probe_at": AT}),
            f"Waits, since {OPEN.replace('at 2026-11-20 09:00:04 UTC', 'with the next message')}",
        ),
        (
            standing(**{**DOWN, "breaker": BreakerState.HALF_OPEN}),
            f"Waits, since {OPEN.partition('It is')[0]}One message is being sent to try it.",
        ),
        (
            standing(breaker=BreakerState.OPEN, forced=True, opened_at=AT, reason="opened by an operator"),
            f"Waits, since {FORCED}",
        ),
    ],
)
def test_an_open_breaker_is_named_with_since_when_and_when_it_is_tried_again(provider: Standing, words: str) -> None:
    assert summary(provider) == words


def test_a_paused_sender_is_named_for_marketing_alone() -> None:
    sender = paused(reason="61 of 1,000 sends in 24 h bounced (6.1%, limit 5%)")
    assert summary(sender, category="news") == (
        "Waits, since smtp has sent no marketing since 2026-11-20 09:00:00 UTC:"
        " 61 of 1,000 sends in 24 h bounced (6.1%, limit 5%)."
        " It goes on when the rates are well below the limits, or an operator resumes it."
    )
    assert summary(paused(forced=True), category="news") == (
        "Waits, since smtp has sent no marketing since 2026-11-20 09:00:00 UTC: an operator paused it."
        " It goes on when an operator resumes it."
    )
    assert summary(sender) == summary(sender, category="orders") == "Waits for a worker."
    assert summary(sender, category="news", priority=8) == "Waits for a worker."


def test_all_providers_are_named_where_none_can_be_used() -> None:
    both = summary(standing(**DOWN), standing("ses", breaker=BreakerState.HALF_OPEN, reason="451."))
    assert both == (
        f"Waits, since no provider can take it: {OPEN}"
        " ses is not used: its circuit breaker is open (451). One message is being sent to try it."
    )


@pytest.mark.parametrize(
    "others",
    [
        [standing("ses")],
        [standing("ses", workers=0), standing("ses-2")],
        [],
    ],
)
def test_while_one_can_be_used_it_waits_for_a_worker_and_the_other_is_a_decision(others: list[Standing]) -> None:
    providers = [standing(**DOWN), *others] if others else []
    obstacles = obstacles_of(view(), (), providers, never_paused=(), now=NOW)
    assert obstacles.words == ""
    why = explain(view(), [], obstacles)
    assert why.summary == "Waits for a worker."
    assert [one.detail for one in why.decisions if one.check == "breaker"] == ([OPEN] if others else [])


def test_providers_of_other_channels_and_without_workers_do_not_count() -> None:
    assert summary(standing(**DOWN), standing("twilio", Channel.SMS)) == f"Waits, since {OPEN}"
    assert summary(standing(**DOWN), standing("old", workers=0)) == f"Waits, since {OPEN}"
    assert summary(standing(**DOWN, workers=0)) == "Waits for a worker."


def test_after_a_lost_answer_only_that_provider_counts() -> None:
    words = summary(standing(**DOWN), standing("ses"), events=[LOST], status=Status.RETRYING, attempts=1)
    assert words.startswith("Waits for its second attempt; the first was answered: lost. At the moment smtp is not")
    again = summary(standing(**DOWN), standing("ses"), events=[LATER], status=Status.RETRYING, attempts=1)
    assert again == "Waits for its second attempt; the first was answered: 451 later."


@pytest.mark.parametrize("changes", [{"test": True}, {"status": Status.SENT}, {"status": Status.SCHEDULED}])
def test_what_does_not_wait_for_a_provider_has_no_obstacle(changes: dict[str, Any]) -> None:
    assert obstacles_of(view(**changes), (), [standing(**DOWN)], never_paused=(), now=NOW) == NO_OBSTACLES
