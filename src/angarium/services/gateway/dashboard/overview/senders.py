"""Findings about providers: open breakers, refused credentials, failed sends, bounces and complaints."""

from collections.abc import Iterator, Sequence

from angarium.contracts.providers import BreakerState
from angarium.notifications.providers.model import Standing
from angarium.notifications.providers.reputation import Limits, percent
from angarium.services.gateway.dashboard.overview.finding import Finding, Severity
from angarium.services.gateway.dashboard.viewing import PREFIX

LEAST_ANSWERS = 20
"""The minimum number of answers or sends for a meaningful share."""
FAULTY_SHARE = 0.1
"""The share of failed sends from which there is a warning."""
PROVIDERS, LOOK_AT_PROVIDERS = f"{PREFIX}/providers", "Look at providers"


def providers_of(providers: Sequence[Standing], limits: Limits) -> Iterator[Finding]:
    """All findings about the providers. `limits` are those of bounces and complaints."""
    usable = {one.configured.channel for one in providers if one.workers and not _unusable(one)}
    for standing in providers:
        alone = standing.configured.channel not in usable
        if standing.workers and standing.refusal is not None:
            yield _refused(standing, standing.refusal, alone=alone)
        elif standing.workers and _unusable(standing):
            yield _not_used(standing, alone=alone)
        else:
            yield from _used(standing)
        yield from _reputation(standing, limits)


def _unusable(standing: Standing) -> bool:
    """Whether no messages are sent through the provider.

    A provider that refuses the credentials stays unusable while its half-open breaker probes it.
    """
    return standing.breaker is BreakerState.OPEN or standing.refusal is not None


def _refused(standing: Standing, answer: str, *, alone: bool) -> Finding:
    channel = standing.configured.channel
    return Finding(
        severity=Severity.CRITICAL if alone else Severity.WARNING,
        title=f"Provider {_named(standing)} refuses our credentials or account",
        detail=f"{_sentence(answer)} Correct its URL in ANGARIUM_{channel.upper()}_PROVIDERS, or its account. Restart"
        f" the workers, then test it. {_effect(alone=alone)}",
        since=standing.opened_at,
        href=PROVIDERS,
        action=LOOK_AT_PROVIDERS,
        command=f"angarium providers test {standing.configured.name} --channel {channel} --to ADDRESS --watch",
    )


def _not_used(standing: Standing, *, alone: bool) -> Finding:
    why = standing.reason or ("An operator opened it." if standing.forced else "")
    return Finding(
        severity=Severity.CRITICAL if alone else Severity.WARNING,
        title=f"Provider {_named(standing)} is not used: its circuit breaker is open",
        detail=f"{why} {_effect(alone=alone)}".strip(),
        since=standing.opened_at,
        href=PROVIDERS,
        action=LOOK_AT_PROVIDERS,
    )


def _used(standing: Standing) -> Iterator[Finding]:
    if standing.answers >= LEAST_ANSWERS and standing.faults / standing.answers >= FAULTY_SHARE:
        yield Finding(
            severity=Severity.WARNING,
            title=f"Provider {_named(standing)} fails {standing.faults / standing.answers:.0%} of its sends",
            detail="In the last 30 seconds. Its circuit breaker opens at 50 %.",
            href=PROVIDERS,
            action=LOOK_AT_PROVIDERS,
        )
    elif standing.forced:
        yield Finding(
            severity=Severity.NOTICE,
            title=f"The circuit breaker of {_named(standing)} is held closed by an operator",
            since=standing.changed_at,
            href=PROVIDERS,
            action=LOOK_AT_PROVIDERS,
        )


def _reputation(standing: Standing, limits: Limits) -> Iterator[Finding]:
    """Rates above the limits, and pauses. Bounces are shown from LEAST_ANSWERS sends, before marketing is paused."""
    sender, totals = standing.sender, standing.sender.totals
    bounces, complaints = totals.bounce_rate or 0.0, totals.complaint_rate or 0.0
    counted = f"of {totals.sends:,} sends of the last 24 hours"
    if limits.bounces is not None and totals.sends >= LEAST_ANSWERS and bounces > limits.bounces:
        title = f"Bounces of {_named(standing)} are at {percent(bounces)}"
        yield _rate(standing, limits, title, f"{totals.bounces:,} {counted}.")
    elif limits.complaints is not None and totals.sends >= limits.sends and complaints > limits.complaints:
        title = f"Complaints about {_named(standing)} are at {percent(complaints)}"
        yield _rate(standing, limits, title, f"{totals.complaints:,} {counted}.")
    elif sender.paused and not sender.forced:
        yield _rate(standing, limits, f"Marketing of {_named(standing)} is paused", _sentence(sender.reason or ""))
    elif sender.forced:
        state = "is paused by an operator" if sender.paused else "is never paused: set by an operator"
        yield Finding(
            severity=Severity.NOTICE,
            title=f"Marketing of {_named(standing)} {state}",
            since=sender.changed_at,
            href=PROVIDERS,
            action=LOOK_AT_PROVIDERS,
            command=_resume(standing),
        )


def _rate(standing: Standing, limits: Limits, title: str, counted: str) -> Finding:
    paused = standing.sender.paused
    if paused:
        effect = "Marketing is paused. It resumes automatically when the rates are well below the limits."
    else:
        effect = f"Marketing is paused above the limit, once there are {limits.sends:,} sends."
    return Finding(
        severity=Severity.CRITICAL if paused else Severity.WARNING,
        title=title,
        detail=f"{counted} {effect} Check where these addresses come from.",
        since=standing.sender.changed_at if paused else None,
        href=PROVIDERS,
        action=LOOK_AT_PROVIDERS,
        command=_resume(standing) if paused else "angarium suppressions list --reason hard_bounce",
    )


def _resume(standing: Standing) -> str:
    return f"angarium providers resume {standing.configured.name} --channel {standing.configured.channel}"


def _effect(*, alone: bool) -> str:
    return "There is no other provider: sending is paused." if alone else "Other providers take over."


def _named(standing: Standing) -> str:
    return f"{standing.configured.name} ({standing.configured.channel})"


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}".rstrip(". ") + "." if words else ""
