"""What is wrong is found, ranked, and says what helps."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from angarium.contracts.providers import BreakerState, SenderState
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.providers.model import Configured, SenderStanding, Standing
from angarium.notifications.providers.reputation import Limits, Totals
from angarium.services.gateway.dashboard.overview.figures import Figures, Latency
from angarium.services.gateway.dashboard.overview.finding import Finding, Severity
from angarium.services.gateway.dashboard.overview.findings import Queue, State, System, findings_of

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
CALM = Figures(0.0, Latency(None, None, None), None, 0, {})


def state(**changes: Any) -> State:
    """A system in which nothing is wrong; `changes` replace fields."""
    whole: Mapping[str, Any] = {
        "figures": CALM,
        "unfinished": dict.fromkeys(Status, 0),
        "dead_letters": 0,
        "channels": frozenset(Channel),
        "system": System(),
        **changes,
    }
    return State(**whole)


def standing(name: str = "smtp", **changes: Any) -> Standing:
    """A provider of email that works."""
    configured = Configured(uuid4(), Channel.EMAIL, name, "smtp", 1, None, None)
    whole: dict[str, Any] = {
        "configured": configured,
        "breaker": BreakerState.CLOSED,
        "forced": False,
        "reason": None,
        "changed_at": None,
        "answers": 0,
        "faults": 0,
        "workers": 1,
        **changes,
    }
    return Standing(**whole)


def queue(**changes: Any) -> Queue:
    """The queue of email, empty and consumed."""
    whole: dict[str, Any] = {"name": "email.queue", "channel": Channel.EMAIL, "messages": 0, "consumers": 1}
    return Queue(**{**whole, "seconds": None, **changes})


def only(found: State) -> Finding:
    [finding] = findings_of(found)
    return finding


def test_nothing_is_found_where_nothing_is_wrong() -> None:
    working = System(providers=(standing(answers=100, faults=2),), queues=(queue(messages=5, seconds=2.0),))
    assert findings_of(state(system=working)) == []


def test_a_broker_that_is_away_is_the_most_urgent() -> None:
    found = findings_of(state(dead_letters=3, system=System(queues=None, outbox=5_000)))
    assert [finding.severity for finding in found] == [Severity.CRITICAL, Severity.WARNING, Severity.NOTICE]
    assert "broker" in found[0].title


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({"messages": 9, "consumers": 0}, Severity.CRITICAL, "No worker consumes email.queue"),
        ({"messages": 9, "seconds": 61.0}, Severity.WARNING, "has been due for 1 min"),
        ({"messages": 9, "seconds": 600.0}, Severity.CRITICAL, "has been due for 10 min"),
    ],
)
def test_queues_that_do_not_move(changes: dict[str, Any], severity: Severity, words: str) -> None:
    finding = only(state(system=System(queues=(queue(**changes),))))
    assert finding.severity is severity
    assert words in finding.title
    assert finding.command == "angarium work email" or finding.href is not None


def test_a_queue_of_a_channel_without_providers_needs_no_worker() -> None:
    found = state(channels=frozenset(), system=System(queues=(queue(messages=9, consumers=0),)))
    assert findings_of(found) == []


def test_an_open_breaker_is_urgent_where_no_other_provider_is_left() -> None:
    opened = standing(breaker=BreakerState.OPEN, reason="535 refused", opened_at=NOW)
    alone = only(state(system=System(providers=(opened,))))
    assert (alone.severity, alone.since) == (Severity.CRITICAL, NOW)
    assert "535 refused" in alone.detail
    assert only(state(system=System(providers=(opened, standing("ses"))))).severity is Severity.WARNING


def test_refused_credentials_are_urgent_while_they_are_tried_too() -> None:
    for breaker in (BreakerState.OPEN, BreakerState.HALF_OPEN):
        refused = standing(breaker=breaker, reason="refused us: 535 5.7.8 no", opened_at=NOW)
        alone = only(state(system=System(providers=(refused,))))
        assert (alone.severity, alone.since) == (Severity.CRITICAL, NOW)
        assert alone.title == "Provider smtp (email) refuses our credentials or account"
        assert alone.detail.startswith("535 5.7.8 no. Correct its URL in ANGARIUM_EMAIL_PROVIDERS")
        assert alone.command == "angarium providers test smtp --channel email --to ADDRESS --watch"
        assert only(state(system=System(providers=(refused, standing("ses"))))).severity is Severity.WARNING


def sender(sends: int, bounces: int = 0, complaints: int = 0, **changes: Any) -> Standing:
    """A provider with these totals."""
    return standing(sender=SenderStanding(totals=Totals(sends, bounces, complaints), **changes))


@pytest.mark.parametrize(
    ("provider", "severity", "title"),
    [
        (sender(100, 12), Severity.WARNING, "Bounces of smtp (email) are at 12%"),
        (sender(100, 12, state=SenderState.PAUSED), Severity.CRITICAL, "Bounces of smtp (email) are at 12%"),
        (sender(2000, 0, 5), Severity.WARNING, "Complaints about smtp (email) are at 0.25%"),
        (
            sender(2000, 90, state=SenderState.PAUSED, reason="120 of 2,000 sends bounced"),
            Severity.CRITICAL,
            "Marketing of smtp (email) is paused",
        ),
        (
            sender(0, state=SenderState.PAUSED, forced=True),
            Severity.NOTICE,
            "Marketing of smtp (email) is paused by an operator",
        ),
        (
            sender(0, forced=True),
            Severity.NOTICE,
            "Marketing of smtp (email) is never paused: set by an operator",
        ),
    ],
)
def test_senders_that_mailbox_providers_may_distrust(provider: Standing, severity: Severity, title: str) -> None:
    finding = only(state(system=System(providers=(provider,))))
    assert (finding.severity, finding.title, finding.href) == (severity, title, "/dashboard/providers")
    resumes = finding.command == "angarium providers resume smtp --channel email"
    assert resumes is (provider.sender.paused or provider.sender.forced)


def test_rates_within_the_limits_or_of_few_sends_are_no_finding() -> None:
    for provider in (sender(100, 5), sender(19, 19), sender(900, 0, 5), sender(2000, 100, 2)):
        assert findings_of(state(system=System(providers=(provider,)))) == []
    off = System(providers=(sender(2000, 1000, 1000),), limits=Limits(None, None))
    assert findings_of(state(system=off)) == []


def test_the_cause_comes_before_the_queue_that_waits_for_it() -> None:
    opened, old = standing(breaker=BreakerState.OPEN, reason="down"), queue(messages=9, seconds=600.0)
    found = findings_of(state(system=System(providers=(opened,), queues=(old,))))
    assert [finding.severity for finding in found] == [Severity.CRITICAL] * 2
    assert "circuit breaker is open" in found[0].title


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"answers": 40, "faults": 8}, Severity.WARNING),
        ({"forced": True}, Severity.NOTICE),
    ],
)
def test_providers_that_fail_or_are_held(changes: dict[str, Any], severity: Severity) -> None:
    finding = only(state(system=System(providers=(standing(**changes),))))
    assert finding.severity is severity
    assert finding.href == "/dashboard/providers"


def test_few_answers_say_nothing() -> None:
    assert findings_of(state(system=System(providers=(standing(answers=3, faults=3),)))) == []
    assert findings_of(state(figures=Figures(1.0, Latency(None, None, None), 1.0, 3, {}))) == []


def test_failures_unknown_outcomes_and_dead_letters() -> None:
    figures = Figures(1.0, Latency(None, None, None), 0.2, 100, {})
    unfinished = {**dict.fromkeys(Status, 0), Status.UNKNOWN: 2}
    found = findings_of(
        state(figures=figures, unfinished=unfinished, oldest_unknown=NOW, dead_letters=10_001, system=None)
    )
    assert [finding.title for finding in found] == [
        "20% of recent notifications failed",
        "2 with an unknown outcome",
        "More than 10,000 dead letters",
    ]
    assert all(finding.href for finding in found)
