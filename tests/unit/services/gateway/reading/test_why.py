"""Why a notification stands where it does, in plain words."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from angarium.contracts.notifications import NotificationView
from angarium.contracts.statuses import Channel, Status, delivery_status
from angarium.services.gateway.reading.why import Timeline, explain

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)
ACCEPTED = {"event": "accepted", "at": "2026-11-20T09:00:00Z", "status": "pending"}


def _view(status: Status, **changes: Any) -> NotificationView:
    values: dict[str, Any] = {
        "notification_id": UUID(int=1), "request_id": "r", "notification_type": Channel.EMAIL, "user_id": "u-1",
        "recipient": None, "template_code": "welcome", "template_version": 1, "locale": "en", "category": None,
        "priority": 5, "status": status, "delivery_status": delivery_status(status), "reason": None, "attempts": 1,
        "provider": "smtp", "provider_message_id": None, "variables": {}, "metadata": {}, "correlation_id": "c-1",
        "fallback": [], "fallback_of": None, "send_at": None, "expires_at": None, "created_at": AT, "updated_at": AT,
        "sent_at": None, "delivered_at": None,
    }  # fmt: skip
    return NotificationView(**(values | changes))


def _attempt(number: int, outcome: str, answer: str, **more: Any) -> dict[str, Any]:
    words = {"attempt": number, "provider": "smtp", "outcome": outcome, "answer": answer, "duration_ms": 9}
    return {"event": "attempt", "at": "2026-11-20T09:00:01Z", **words, **more}


GREYLISTED = _attempt(1, "retry", "451 greylisted", next_at="2026-11-20T09:00:02Z")
SENT = _attempt(2, "sent", "250 ok")


def _because(code: str, message: str) -> dict[str, str]:
    return {"code": code, "message": message}


@pytest.mark.parametrize(
    ("view", "events", "summary"),
    [
        (_view(Status.PENDING, attempts=0), [ACCEPTED], "Waits for a worker."),
        (
            _view(Status.PENDING, attempts=0),
            [ACCEPTED, _attempt(1, "configuration", "the server does not offer STARTTLS.")],
            "Waits for a provider that can take it; smtp is not set up rightly: the server does not offer STARTTLS.",
        ),
        (_view(Status.SENDING, attempts=2), [ACCEPTED], "Is being sent, on its second attempt."),
        (
            _view(Status.SENT, attempts=2),
            [ACCEPTED, GREYLISTED, SENT],
            "Sent by smtp on the second attempt; the first was answered: 451 greylisted.",
        ),
        (_view(Status.SENT), [ACCEPTED, _attempt(1, "sent", "250 ok")], "Sent by smtp on the first attempt."),
        (
            _view(Status.DELIVERED, attempts=2),
            [ACCEPTED, SENT],
            "Sent by smtp on the second attempt. A report says that it arrived.",
        ),
        (
            _view(Status.RETRYING),
            [ACCEPTED, GREYLISTED],
            "Waits for its second attempt until 2026-11-20 09:00:02 UTC; the first was answered: 451 greylisted.",
        ),
        (
            _view(Status.FAILED, attempts=6, reason=_because("retries_exhausted", "421 later")),
            [ACCEPTED],
            "Failed after 6 attempts; the last answer was: 421 later.",
        ),
        (
            _view(Status.FAILED, reason=_because("permanent", "550 no such user")),
            [ACCEPTED, _attempt(1, "permanent", "550 no such user")],
            "Refused for good by smtp on the first attempt: 550 no such user.",
        ),
        (
            _view(Status.FAILED, reason=_because("bounced", "mailbox full")),
            [ACCEPTED, _attempt(1, "sent", "250 ok")],
            "Sent by smtp on the first attempt. Then a report said that it did not arrive: mailbox full.",
        ),
        (
            _view(Status.FAILED, attempts=0, provider=None, reason=_because("no_address", "no address for sms")),
            [ACCEPTED, {"event": "fallback", "at": "x", "notification_type": "push", "notification_id": "n-2"}],
            "Not sent, since there is no address for sms. It goes on by push.",
        ),
        (
            _view(Status.FAILED, attempts=0, provider=None, reason=_because("no_provider", "no provider for devices")),
            [ACCEPTED],
            "Not sent, since there is no provider for devices.",
        ),
        (
            _view(Status.SKIPPED, attempts=0, reason=_because("opted_out", "email is switched off")),
            [ACCEPTED],
            "Not sent, since the user does not want it: email is switched off.",
        ),
        (_view(Status.EXPIRED, attempts=0), [ACCEPTED], "Not sent, since its time had passed."),
        (_view(Status.CANCELLED), [ACCEPTED], "Not sent, since it was cancelled before it was on its way."),
        (
            _view(Status.UNKNOWN, reason=_because("outcome_unknown", "the worker was lost")),
            [ACCEPTED],
            "Nobody knows whether it was sent: the worker was lost. It is not sent twice; an operator decides.",
        ),
    ],
)
def test_the_summary(view: NotificationView, events: Timeline, summary: str) -> None:
    assert explain(view, events).summary == summary


def _results(view: NotificationView, events: Timeline) -> dict[str, str]:
    return {decision.check: decision.result for decision in explain(view, events).decisions}


def test_the_decisions_of_one_that_was_sent() -> None:
    why = explain(_view(Status.SENT, attempts=2, category="account"), [ACCEPTED, GREYLISTED, SENT])
    assert [(decision.check, decision.result) for decision in why.decisions] == [
        ("preferences", "allowed"),
        ("quiet_hours", "allowed"),
        ("address", "found"),
        ("provider", "retry"),
        ("provider", "sent"),
    ]
    assert why.decisions[0].detail == "Asked just before the send: email for account was on."
    assert why.decisions[3].detail == "First attempt by smtp: 451 greylisted (9 ms)."


def test_quiet_hours_defer_and_urgent_ones_pass() -> None:
    until = {
        "event": "scheduled",
        "at": "x",
        "status": "scheduled",
        "reason": "quiet_hours",
        "next_at": "2026-11-21T06:00:00Z",
    }
    view = _view(Status.SCHEDULED, attempts=0, reason=_because("quiet_hours", "quiet until 06:00Z"))
    why = explain(view, [ACCEPTED, until])
    assert why.summary == "Waits until 2026-11-21 06:00:00 UTC, since it is quiet for the user until then."
    assert _results(view, [ACCEPTED, until])["quiet_hours"] == "deferred"
    assert _results(_view(Status.PENDING, priority=9), [ACCEPTED])["quiet_hours"] == "passed"


def test_what_is_not_decided_yet_is_open() -> None:
    view = _view(Status.PENDING, attempts=0, expires_at=AT, fallback=[Channel.SMS, Channel.PUSH])
    assert _results(view, [ACCEPTED]) == {"expiry": "open", "preferences": "open", "fallback": "open"}


def test_a_recipient_has_no_preferences() -> None:
    view = _view(Status.SENT, user_id=None, recipient={"email": "a@example.com"})
    found = _results(view, [ACCEPTED, _attempt(1, "sent", "250 ok")])
    assert found["preferences"] == "not_asked"
    assert "quiet_hours" not in found


def test_ends_name_the_decision_that_made_them() -> None:
    for status, code, check in (
        (Status.SKIPPED, "opted_out", "preferences"),
        (Status.FAILED, "invalid_address", "address"),
        (Status.FAILED, "no_address", "address"),
    ):
        assert _results(_view(status, attempts=0, reason=_because(code, "so")), [ACCEPTED])[check] == code
    assert (
        _results(_view(Status.FAILED, reason=_because("retries_exhausted", "x")), [ACCEPTED])["retries"] == "exhausted"
    )


def test_reports_replays_schedules_and_fallbacks_are_explained() -> None:
    events = [
        ACCEPTED,
        {"event": "published", "at": "2026-11-20T09:00:00Z", "status": "pending"},
        {"event": "replayed", "at": "2026-11-20T09:00:00Z", "status": "pending"},
        {"event": "delivered", "at": "2026-11-20T09:00:00Z", "status": "delivered", "by": "shop"},
    ]
    found = _results(_view(Status.DELIVERED, send_at=AT, sent_at=AT, expires_at=AT, fallback_of=UUID(int=2)), events)
    assert (found["schedule"], found["replay"], found["receipt"], found["origin"], found["expiry"]) == (
        "released", "replayed", "delivered", "fallback", "in_time",
    )  # fmt: skip


@pytest.mark.parametrize("status", Status)
def test_every_status_has_words_even_without_a_timeline(status: Status) -> None:
    why = explain(_view(status, attempts=0, provider=None), [])
    assert why.summary.endswith(".")
    assert why.decisions


@pytest.mark.parametrize(
    ("code", "message", "detail"),
    [
        ("invalid_address", "not an international phone number (E.164)", "Not an international phone number (E.164)."),
        ("no_address", "no address for SMS", "No address for SMS."),
        ("opted_out", "email is switched off for DE-Marketing.", "Email is switched off for DE-Marketing."),
    ],
)
def test_a_reason_keeps_its_capitals(code: str, message: str, detail: str) -> None:
    why = explain(_view(Status.FAILED, attempts=0, reason=_because(code, message)), [ACCEPTED])
    assert detail in [decision.detail for decision in why.decisions]


@pytest.mark.parametrize("status", Status)
def test_no_sentence_holds_a_raw_time(status: Status) -> None:
    raw = "2026-11-20T09:00:02.123456Z"
    events = [
        ACCEPTED,
        {"event": "scheduled", "at": raw, "status": "scheduled", "reason": "quiet_hours", "next_at": raw},
        {"event": "replayed", "at": raw, "status": "pending"},
        _attempt(12, "retry", "451", next_at=raw),
        {"event": "delivered", "at": raw, "status": "delivered", "by": "relay"},
    ]
    at = datetime.fromisoformat(raw)
    why = explain(_view(status, attempts=21, send_at=at, expires_at=at, sent_at=at), events)
    words = " ".join([why.summary, *(decision.detail for decision in why.decisions)])
    assert "T09:00" not in words
    assert ".123456" not in words
    assert "2026-11-20 09:00:02 UTC" in words


def test_high_ordinals_are_english() -> None:
    assert explain(_view(Status.SENDING, attempts=21), [ACCEPTED]).summary == "Is being sent, on its 21st attempt."


@pytest.mark.parametrize(
    ("status", "outcomes", "words"),
    [
        (Status.FAILED, ["ambiguous"] * 6, "Up to 6 copies may have arrived, since 6 answers were lost."),
        (Status.FAILED, ["ambiguous", "retry"], "One copy may have arrived, since 1 answer was lost."),
        (Status.RETRYING, ["retry", "ambiguous", "ambiguous"], "Up to 2 copies may have arrived"),
        (Status.SENT, ["ambiguous", "retry", "sent"], "Up to 2 copies may have arrived, since 1 answer was lost."),
    ],
)
def test_lost_answers_say_how_many_copies_may_have_arrived(status: Status, outcomes: list[str], words: str) -> None:
    reason = _because("retries_exhausted", "no answer within 600 s") if status is Status.FAILED else None
    events = [ACCEPTED, *(_attempt(number, outcome, "x") for number, outcome in enumerate(outcomes, 1))]
    assert words in explain(_view(status, attempts=len(outcomes), reason=reason), events).summary


@pytest.mark.parametrize(("status", "outcomes"), [(Status.SENT, ["retry", "sent"]), (Status.UNKNOWN, ["ambiguous"])])
def test_no_copies_are_spoken_of_where_none_are_in_doubt(status: Status, outcomes: list[str]) -> None:
    reason = _because("ambiguous", "gone") if status is Status.UNKNOWN else None
    events = [ACCEPTED, *(_attempt(number, outcome, "x") for number, outcome in enumerate(outcomes, 1))]
    assert "cop" not in explain(_view(status, reason=reason), events).summary
