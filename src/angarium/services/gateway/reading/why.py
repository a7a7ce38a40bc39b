"""Explains a notification's status in plain English, from its record, its timeline and its providers."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from angarium.contracts.fields import rfc3339
from angarium.contracts.notifications import URGENT_PRIORITY, Decision, NotificationView, Why
from angarium.contracts.statuses import Status
from angarium.services.gateway.reading.obstacles import NO_OBSTACLES, Obstacles, moment_in_words

Timeline = Sequence[Mapping[str, Any]]

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_TEENS = range(11, 14)
_ENDINGS: Mapping[int, str] = {1: "st", 2: "nd", 3: "rd"}
_BEFORE_THE_ADDRESS = frozenset({"opted_out", "quiet_hours", "user_not_found", "template_not_found", "cancelled"})
_OF_THE_ADDRESS = frozenset({"no_address", "invalid_address", "suppressed"})
_NOT_SENT: Mapping[str, str] = {
    "opted_out": "Not sent, since the user does not want it: {message}.",
    "user_not_found": "Not sent, since the user was deleted.",
    "user_erased": "Not sent, since the user was erased.",
    "no_address": "Not sent, since there is {message}.",
    "invalid_address": "Not sent, since the address cannot be right: {message}.",
    "no_provider": "Not sent, since there is {message}.",
    "suppressed": "Not sent, since the address is on the suppression list: {message}.",
    "country_blocked": "Not sent: {message}.",
    "number_limit": "Not sent: {message}.",
    "tenant_limit": "Not sent: {message}.",
    "template_not_found": "Not sent, since the template's version is gone.",
    "empty_message": "Not sent, since its text is empty: {message}.",
    "render_failed": "Not sent, since the template could not be rendered: {message}.",
}


def explain(view: NotificationView, events: Timeline, obstacles: Obstacles = NO_OBSTACLES) -> Why:
    """Summarise what happened in a sentence or two, and list each decision in order."""
    sentences = (_summary(view, events, obstacles), _copies(view, events), _followed_by(events))
    summary = " ".join(filter(None, sentences))
    decisions = (
        _origin(view),
        _schedule(view, events),
        _expiry(view),
        _preferences(view, events),
        _quiet_hours(view, events),
        _address(view, events),
        *_attempts(events),
        *obstacles.each,
        _retries(view, events),
        _operator(events),
        _receipt(events),
        _fallback(view, events),
    )
    return Why(summary=summary, decisions=[decision for decision in decisions if decision is not None])


def _summary(view: NotificationView, events: Timeline, obstacles: Obstacles) -> str:  # noqa: PLR0911 - one for each status
    match view.status:
        case Status.SENT:
            return _sent(view, events)
        case Status.DELIVERED:
            return f"{_sent(view, events)} A report says that it arrived."
        case Status.RETRYING:
            beside = f" At the moment {obstacles.words}" if obstacles.words else ""
            return f"Waits for its {_ordinal(view.attempts + 1)} attempt{_until(events)}; {_answers(events)}.{beside}"
        case Status.SENDING:
            return f"Is being sent, on its {_ordinal(view.attempts)} attempt."
        case Status.PENDING:
            return _pending(view, events, obstacles)
        case Status.SCHEDULED:
            return f"Waits{_until(events)}, {_waits_for(view)}."
        case _:
            return _ended(view, events)


def _pending(view: NotificationView, events: Timeline, obstacles: Obstacles) -> str:
    tries = _tries(events)
    if obstacles.words:
        return f"Waits, since {obstacles.words}"
    if tries and tries[-1].get("outcome") == "configuration":
        answer = str(tries[-1].get("answer") or "it refuses us").rstrip(". ")
        return f"Waits for a provider that can take it; {tries[-1].get('provider')} is not set up rightly: {answer}."
    return "Waits for a worker." if not view.attempts else "Is to be sent again, and waits for a worker."


def _ended(view: NotificationView, events: Timeline) -> str:  # noqa: PLR0911 - one for each way to end
    code = view.reason.code if view.reason else str(view.status)
    message = view.reason.message.rstrip(". ") if view.reason else ""
    if view.status is Status.EXPIRED:
        return "Not sent, since its time had passed."
    if view.status is Status.CANCELLED and code != "user_erased":
        return "Not sent, since it was cancelled before it was on its way."
    if view.status is Status.UNKNOWN:
        return f"Nobody knows whether it was sent: {message}. It is not sent twice; an operator decides."
    if code in _NOT_SENT:
        return _NOT_SENT[code].format(message=message)
    if code == "bounced":
        return f"{_sent(view, events)} Then a report said that it did not arrive: {message}."
    if code == "retries_exhausted":
        return f"Failed after {_count(view.attempts, 'attempt')}; the last answer was: {message}."
    by = f" by {view.provider} on the {_ordinal(view.attempts)} attempt" if view.provider else ""
    return f"Refused for good{by}: {message}."


def _sent(view: NotificationView, events: Timeline) -> str:
    by = f" by {view.provider}" if view.provider else ""
    number = max((event["attempt"] for event in _tries(events)), default=view.attempts)
    before = _answers([event for event in events if event.get("attempt", 0) < number])
    on = f" on the {_ordinal(number)} attempt" if number else ""
    return f"Sent{by}{on}{f'; {before}' if before else ''}."


def _answers(events: Timeline) -> str:
    """The answer to the last of these attempts."""
    tries = [event for event in _tries(events) if event.get("outcome") != "sent"]
    if not tries:
        return ""
    last = tries[-1]
    return f"the {_ordinal(last['attempt'])} was answered: {last.get('answer') or last.get('outcome')}"


def _copies(view: NotificationView, events: Timeline) -> str:
    """How many copies may have arrived, if answers were lost after the message was sent."""
    outcomes = [event.get("outcome") for event in _tries(events)]
    lost = outcomes.count("ambiguous")
    if not lost or view.status is Status.UNKNOWN:
        return ""
    copies = lost + outcomes.count("sent")
    arrived = "One copy may have arrived" if copies == 1 else f"Up to {copies} copies may have arrived"
    return f"{arrived}, since {_count(lost, 'answer was', 'answers were')} lost."


def _followed_by(events: Timeline) -> str:
    fallbacks = _named(events, "fallback")
    return f"It goes on by {fallbacks[-1].get('notification_type')}." if fallbacks else ""


def _waits_for(view: NotificationView) -> str:
    return "since it is quiet for the user until then" if view.reason else "as was asked for"


def _origin(view: NotificationView) -> Decision | None:
    if view.fallback_of is None:
        return None
    return Decision(check="origin", result="fallback", detail=f"A fallback of {view.fallback_of}, which failed.")


def _schedule(view: NotificationView, events: Timeline) -> Decision | None:
    if view.send_at is None:
        return None
    released = bool(_named(events, "published") or _named(events, "claimed"))
    asked = f"Asked for at {_moment(rfc3339(view.send_at))}."
    return Decision(check="schedule", result="released" if released else "waiting", detail=asked)


def _expiry(view: NotificationView) -> Decision | None:
    if view.expires_at is None:
        return None
    result = "expired" if view.status is Status.EXPIRED else "in_time" if view.sent_at else "open"
    return Decision(check="expiry", result=result, detail=f"Not to be sent after {_moment(rfc3339(view.expires_at))}.")


def _preferences(view: NotificationView, events: Timeline) -> Decision:
    if view.user_id is None or view.recipient is not None:
        return _decision("preferences", "not_asked", "There is no stored user to ask.")
    if view.reason is not None and view.reason.code in {"opted_out", "user_not_found"}:
        return _decision("preferences", view.reason.code, f"{_capitalised(view.reason.message)}.")
    if _was_addressed(view, events):
        about = f"{view.notification_type} for {view.category}" if view.category else str(view.notification_type)
        return _decision("preferences", "allowed", f"Asked just before the send: {about} was on.")
    return _decision("preferences", "open", "They are asked just before the send.")


def _quiet_hours(view: NotificationView, events: Timeline) -> Decision | None:
    if view.user_id is None or view.recipient is not None:
        return None
    deferrals = [event for event in _named(events, "scheduled") if event.get("reason") == "quiet_hours"]
    if deferrals:
        return _decision("quiet_hours", "deferred", f"It was quiet for the user{_until(deferrals)}.")
    if view.priority >= URGENT_PRIORITY:
        return _decision("quiet_hours", "passed", f"Priority {view.priority} is urgent and passes them.")
    if _was_addressed(view, events):
        return _decision("quiet_hours", "allowed", "It was not quiet for the user.")
    return None


def _address(view: NotificationView, events: Timeline) -> Decision | None:
    if view.reason is not None and view.reason.code in _OF_THE_ADDRESS:
        return _decision("address", view.reason.code, f"{_capitalised(view.reason.message)}.")
    if not _was_addressed(view, events):
        return None
    return _decision("address", "found", f"There was a good address for {view.notification_type}.")


def _attempts(events: Timeline) -> Sequence[Decision]:
    return [
        Decision(
            check="provider",
            result=str(event.get("outcome")),
            detail=f"{_capitalised(_ordinal(event['attempt']))} attempt by {event.get('provider')}"
            + (f": {event['answer']}" if event.get("answer") else "")
            + (f" ({event['duration_ms']} ms)." if "duration_ms" in event else "."),
        )
        for event in _tries(events)
    ]


def _retries(view: NotificationView, events: Timeline) -> Decision | None:
    if view.status is Status.RETRYING:
        return _decision("retries", "waiting", f"The {_ordinal(view.attempts + 1)} attempt comes{_until(events)}.")
    if view.reason is not None and view.reason.code == "retries_exhausted":
        return _decision("retries", "exhausted", f"All {view.attempts} attempts were used.")
    retried = len(_named(events, "retrying"))
    return _decision("retries", "used", f"{_count(retried, 'retry', 'retries')}.") if retried else None


def _operator(events: Timeline) -> Decision | None:
    replays = _named(events, "replayed")
    if not replays:
        return None
    return _decision("replay", "replayed", f"An operator sent it again at {_moment(replays[-1]['at'])}.")


def _receipt(events: Timeline) -> Decision | None:
    reports = [event for event in events if "by" in event and event["event"] in {"delivered", "failed", "sent"}]
    if not reports:
        return None
    last = reports[-1]
    return _decision("receipt", last["event"], f"Reported by {last['by']} at {_moment(last['at'])}.")


def _fallback(view: NotificationView, events: Timeline) -> Decision | None:
    made = _named(events, "fallback")
    if made:
        last = made[-1]
        words = f"Goes on by {last.get('notification_type')} as {last.get('notification_id')}."
        return _decision("fallback", "used", words)
    if view.fallback:
        return _decision("fallback", "open", f"Should it fail: by {', then '.join(view.fallback)}.")
    return None


def _was_addressed(view: NotificationView, events: Timeline) -> bool:
    """Whether it reached the address check, so that all earlier checks passed."""
    if _tries(events):
        return True
    code = view.reason.code if view.reason else None
    return view.status is Status.FAILED and code not in _BEFORE_THE_ADDRESS


def _tries(events: Timeline) -> Sequence[Mapping[str, Any]]:
    return [event for event in _named(events, "attempt") if isinstance(event.get("attempt"), int)]


def _named(events: Timeline, name: str) -> Sequence[Mapping[str, Any]]:
    return [event for event in events if event["event"] == name]


def _until(events: Timeline) -> str:
    moments = [event["next_at"] for event in events if event.get("next_at")]
    return f" until {_moment(moments[-1])}" if moments else ""


def _moment(text: str) -> str:
    """An RFC 3339 time in UTC as `2026-11-20 09:00:02 UTC`."""
    return moment_in_words(datetime.fromisoformat(text))


def _capitalised(message: str) -> str:
    """`message` as a sentence without its full stop; only the first letter changes."""
    return f"{message[:1].upper()}{message[1:]}".rstrip(". ")


def _ordinal(number: int) -> str:
    if 0 < number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = "th" if number % 100 in _TEENS else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def _count(number: int, word: str, words: str | None = None) -> str:
    return f"{number} {word if number == 1 else words or word + 's'}"


def _decision(check: str, result: str, detail: str) -> Decision:
    return Decision(check=check, result=result, detail=detail)
