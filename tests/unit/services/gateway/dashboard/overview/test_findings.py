"""What is wrong is found, ranked, and says what helps."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from angarium.contracts.providers import BreakerState
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.providers.model import Configured, Standing
from angarium.services.gateway.dashboard.overview.figures import Figures, Latency
from angarium.services.gateway.dashboard.overview.findings import Finding, Queue, Severity, State, System, findings_of

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
        ({"messages": 9, "consumers": 0}, Severity.CRITICAL, "No worker takes email.queue"),
        ({"messages": 9, "seconds": 61.0}, Severity.WARNING, "waited for 1 min"),
        ({"messages": 9, "seconds": 600.0}, Severity.CRITICAL, "waited for 10 min"),
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
    opened = standing(breaker=BreakerState.OPEN, reason="535 refused", changed_at=NOW)
    alone = only(state(system=System(providers=(opened,))))
    assert (alone.severity, alone.since) == (Severity.CRITICAL, NOW)
    assert "535 refused" in alone.detail
    assert only(state(system=System(providers=(opened, standing("ses"))))).severity is Severity.WARNING


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
