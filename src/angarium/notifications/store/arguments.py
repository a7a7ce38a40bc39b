"""Converts domain values to the columns that `store.record` describes.

A batch becomes one sequence per column, in the order of the description. A single value becomes its columns by name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import timedelta
from operator import attrgetter, itemgetter
from typing import Any
from uuid import UUID

from angarium.contracts.statuses import TRANSITIONS, Status
from angarium.notifications.model import NewDeadLetter, NewNotification, OutboxKind, OutboxMessage, Result
from angarium.notifications.store.record import ORDINARY, RARE, SENT, Column, Kind
from angarium.notifications.store.timeline import encode_events

Columns = list[Sequence[Any]]
"""The values of many rows: one sequence for each column."""
Values = Mapping[str, Any]
"""The values of one row, by column."""

_WAITING = frozenset({Status.RETRYING, Status.SCHEDULED})
_DEFAULTS = tuple(column.default for column in RARE)
_rare = attrgetter(*(column.name for column in RARE))


def _compiled(described: Sequence[Column]) -> Callable[[Sequence[NewNotification]], Columns]:
    """Compile the description to a function that converts notifications, so that batches do not interpret it again."""
    values_of = attrgetter(*(column.name for column in described))
    encoders = [(place, column.encode) for place, column in enumerate(described) if column.encode is not None]

    def encode(new: Sequence[NewNotification]) -> Columns:
        columns: Columns = list(zip(*map(values_of, new), strict=True))
        for place, encoder in encoders:
            columns[place] = [*map(encoder, columns[place])]
        return columns

    return encode


accepted_columns = _compiled(ORDINARY + RARE)
"""The columns of ORDINARY, then those of RARE, of at least one notification."""
ordinary_columns = _compiled(ORDINARY)
"""The columns of ORDINARY of at least one notification."""


def by_key(new: NewNotification) -> tuple[str, str, str]:
    """The idempotency key of a request, which is also the order of row locks."""
    return (new.tenant, new.request_id, new.caller)


def attachment_rows(new: Iterable[NewNotification]) -> list[tuple[UUID, int, bytes]]:
    """The notification, position and content of each attachment."""
    return [(one.id, place, content) for one in new if one.files for place, content in enumerate(one.files)]


def is_ordinary(new: Sequence[NewNotification]) -> bool:
    """Whether all have the default values in the columns of RARE."""
    return all(map(_DEFAULTS.__eq__, map(_rare, new)))


def result_values(result: Result) -> Values:
    """The columns of RESULT. Raises ValueError for a state that a claim cannot lead to."""
    if result.status not in TRANSITIONS[Status.SENDING] or result.status is Status.SENDING:
        message = f"a claim cannot end {result.status}"
        raise ValueError(message)
    return {
        "id": result.id,
        "claim_token": result.claim_token,
        "status": result.status,
        "events": encode_events(result.events),
        "reason_code": result.reason.code if result.reason else None,
        "reason_message": result.reason.message if result.reason else None,
        "provider": result.provider,
        "provider_message_id": result.provider_message_id,
        "wait": _wait(result),
        "given_back": 0 if result.burns_attempt else 1,
    }


def is_sent(result: Result) -> bool:
    """Whether only the columns of SENT have to be written."""
    if result.status is not Status.SENT or not result.burns_attempt:
        return False
    return not (result.reason or result.wait or result.dead_letter or result.outbox)


def sent_columns(results: Sequence[Result]) -> Columns:
    """The columns of SENT."""
    given: Mapping[str, Sequence[Any]] = {
        "id": [result.id for result in results],
        "claim_token": [result.claim_token for result in results],
        "events": [encode_events(result.events) for result in results],
        "provider": [result.provider for result in results],
        "provider_message_id": [result.provider_message_id for result in results],
    }
    return [given[name] for name in SENT]


def dead_letter_values(letter: NewDeadLetter) -> Values:
    """The columns of DEAD_LETTER."""
    return {
        "id": letter.id,
        "tenant": letter.tenant,
        "notification_id": letter.notification_id,
        "channel": letter.channel,
        "template_code": letter.template_code,
        "request_id": letter.request_id,
        "reason_code": letter.reason.code,
        "reason_message": letter.reason.message,
        "attempts": letter.attempts,
        "correlation_id": letter.correlation_id,
        "payload": letter.payload,
    }


def message_values(message: OutboxMessage) -> Values:
    """The columns of MESSAGE. Work has only its key, as its message is rebuilt from the notification."""
    key = message.key
    work = key.kind is OutboxKind.WORK
    return {
        "subject": key.subject,
        "kind": key.kind,
        "exchange": None if work else message.exchange,
        "routing_key": None if work else message.routing_key,
        "body": None if work else message.body,
        "correlation_id": None if work else message.correlation_id,
    }


def columns(described: Mapping[str, Kind], rows: Iterable[Values]) -> Columns:
    """The columns of `described`, of rows that may be empty."""
    turned: Columns = list(zip(*map(itemgetter(*described), rows), strict=True))
    return turned or [()] * len(described)


def first_of_each(results: Iterable[Result]) -> list[Result]:
    """Keep the first result of each notification, as only that can be valid; ordered by id, the order of row locks."""
    firsts: dict[UUID, Result] = {}
    for result in results:
        firsts.setdefault(result.id, result)
    return [firsts[identifier] for identifier in sorted(firsts)]


def _wait(result: Result) -> timedelta | None:
    if result.status in _WAITING:
        return result.wait or timedelta(0)
    return result.wait if result.status is Status.PENDING else None
