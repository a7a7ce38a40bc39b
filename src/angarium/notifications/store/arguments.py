"""Values of the domain as rows: the tuples that both adapters write, in the order of the statements' columns."""

from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec

from angarium.contracts.statuses import TRANSITIONS, DeliveryPolicy, Status
from angarium.notifications.model import NewDeadLetter, NewNotification, OutboxKind, OutboxMessage, Result
from angarium.notifications.store.timeline import encode_events

Row = tuple[Any, ...]

_WAITING = frozenset({Status.RETRYING, Status.SCHEDULED})


def by_key(new: NewNotification) -> tuple[str, str, str]:
    """What makes a request the same one; also the order in which its row is locked."""
    return (new.tenant, new.request_id, new.caller)


def accepted_row(new: NewNotification) -> Row:
    """The columns that every acceptance brings, then those of PLAIN; JSON as text."""
    return (
        new.id,
        new.tenant,
        new.caller,
        new.request_id,
        new.fingerprint,
        new.channel,
        new.user_id,
        new.template_code,
        new.template_version,
        new.locale,
        new.category,
        new.priority,
        new.variables,
        new.correlation_id,
        new.traceparent,
        new.recipient,
        new.metadata,
        new.policy,
        new.test,
        msgspec.json.encode(new.fallback).decode() if new.fallback else "[]",
        new.fallback_of,
        new.callback_url,
        new.send_at,
        new.expires_at,
    )


PLAIN: Row = (None, "{}", DeliveryPolicy.AT_LEAST_ONCE, False, "[]", None, None, None, None)
"""How an acceptance's row ends where it asks for nothing special."""


def result_row(result: Result) -> Row:
    """The columns of RESULT_COLUMNS. Raises ValueError for a state that no claim may lead to."""
    if result.status not in TRANSITIONS[Status.SENDING] or result.status is Status.SENDING:
        message = f"a claim cannot end {result.status}"
        raise ValueError(message)
    return (
        result.id,
        result.claim_token,
        result.status,
        encode_events(result.events),
        result.reason.code if result.reason else None,
        result.reason.message if result.reason else None,
        result.provider,
        result.provider_message_id,
        _wait(result),
        0 if result.burns_attempt else 1,
    )


def sent_row(result: Result) -> Row | None:
    """The columns of SENT_COLUMNS, where there is nothing else to write."""
    plain = result.status is Status.SENT and result.burns_attempt
    if not plain or result.reason or result.wait or result.dead_letter or result.outbox:
        return None
    events = encode_events(result.events)
    return (result.id, result.claim_token, events, result.provider, result.provider_message_id)


def letter_row(letter: NewDeadLetter) -> Row:
    """The columns of LETTER_COLUMNS."""
    return (
        letter.id,
        letter.tenant,
        letter.notification_id,
        letter.channel,
        letter.template_code,
        letter.request_id,
        letter.reason.code,
        letter.reason.message,
        letter.attempts,
        letter.correlation_id,
        letter.payload,
    )


def message_row(message: OutboxMessage) -> Row:
    """The columns of MESSAGE_COLUMNS; nothing but its key is kept of work, which is rebuilt from the notification."""
    key = message.key
    if key.kind is OutboxKind.WORK:
        return (key.subject, key.kind, None, None, None, None)
    return (key.subject, key.kind, message.exchange, message.routing_key, message.body, message.correlation_id)


def columns(rows: Sequence[Row], width: int) -> list[Sequence[Any]]:
    """The rows turned round: one array for each column, `width` of them even when there are no rows."""
    return list(zip(*rows, strict=True)) if rows else [()] * width


def first_of_each(results: Iterable[Result]) -> list[Result]:
    """Of results for one notification only the first can hold; ordered by id, as rows are locked."""
    firsts: dict[UUID, Result] = {}
    for result in results:
        firsts.setdefault(result.id, result)
    return [firsts[identifier] for identifier in sorted(firsts)]


def claimed_rows(rows_of: Callable[[Result], Iterable[Row]], results: Iterable[Result]) -> list[Row]:
    """The rows that belong to each result, preceded by the result's id."""
    return [(result.id, *row) for result in results for row in rows_of(result)]


def letters_of(result: Result) -> Iterable[Row]:
    """The dead letter of a result, if it has one."""
    return () if result.dead_letter is None else (letter_row(result.dead_letter),)


def messages_of(result: Result) -> Iterable[Row]:
    """The outbox rows of a result."""
    return map(message_row, result.outbox)


def _wait(result: Result) -> timedelta | None:
    if result.status in _WAITING:
        return result.wait or timedelta(0)
    return result.wait if result.status is Status.PENDING else None
