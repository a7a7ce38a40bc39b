"""The description of the record agrees with the values, the views and the adapters that are derived from it."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from uuid import UUID

import pytest

from angarium.contracts.notifications import NotificationView
from angarium.contracts.statuses import Channel, DeliveryPolicy, Status
from angarium.notifications.model import (
    Claimed,
    NewDeadLetter,
    NewNotification,
    OutboxKey,
    OutboxKind,
    OutboxMessage,
    Reason,
    Result,
)
from angarium.notifications.options import NO_OPTIONS
from angarium.notifications.store import arguments, postgresql
from angarium.notifications.store.personal import BLANK, LATER
from angarium.notifications.store.port import NotificationStore
from angarium.notifications.store.postgresql.sql import TYPES
from angarium.notifications.store.postgresql.sql import default as sql_default
from angarium.notifications.store.record import (
    DEAD_LETTER,
    MESSAGE,
    ORDINARY,
    RARE,
    RECORD,
    RESULT,
    SENT,
    Kind,
    Use,
    used,
)
from angarium.notifications.store.rows import claimed
from angarium.notifications.store.schema import notifications
from angarium.notifications.store.statements import adapters

RENAMED = {"id": "notification_id", "channel": "notification_type", "reason_code": "reason", "reason_message": "reason"}
ABOUT_THE_DATABASE = {"problem", "close"}
"""Methods of a store that are no statements about the record."""


def names(use: Use) -> set[str]:
    return {column.name for column in used(use)}


def new(**changes: object) -> NewNotification:
    values: Mapping[str, object] = {
        "id": UUID(int=1),
        "tenant": "acme",
        "caller": "shop",
        "request_id": "r-1",
        "fingerprint": b"f",
        "channel": Channel.EMAIL,
        "template_code": "welcome",
        "template_version": 3,
        "locale": "en",
        "priority": 5,
        "correlation_id": "c-1",
    }
    return NewNotification(**{**values, **changes})  # type: ignore[arg-type]  # a test's values


def modules(adapter: ModuleType) -> dict[str, ModuleType]:
    """The files of an adapter by name."""
    return {found.name: import_module(f"{adapter.__name__}.{found.name}") for found in iter_modules(adapter.__path__)}


def functions(adapter: ModuleType) -> dict[str, tuple[str, Sequence[str]]]:
    """The functions of an adapter that the port names: where each is, and what it takes after the database."""
    return {
        name: (file, [parameter for parameter in inspect.signature(function).parameters if parameter not in HANDLES])
        for file, module in modules(adapter).items()
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and name in PORT
    }


PORT = {name for name, _ in inspect.getmembers(NotificationStore, inspect.isfunction) if not name.startswith("_")}
HANDLES = {"db", "connection", "now"}


def test_what_is_accepted_are_the_fields_of_a_new_notification() -> None:
    beside_the_row = {"files"}
    assert names(Use.ACCEPTED) == set(NewNotification.__struct_fields__) - beside_the_row


def test_what_is_claimed_are_the_fields_of_a_claim() -> None:
    computed = {"claim_token", "attempt", "expired", "doubtful"}
    assert names(Use.CLAIMED) == set(Claimed.__struct_fields__) - computed


def test_what_is_shown_are_the_fields_of_the_view() -> None:
    shown = {RENAMED.get(name, name) for name in names(Use.SHOWN)}
    of_options = {"email", "push", "attachments"}
    assert shown == (set(NotificationView.model_fields) - {"delivery_status"} - of_options) | {"options"}


def test_the_declared_defaults_are_those_of_a_new_notification() -> None:
    bare = new()
    assert {column.name: column.default for column in RARE} == {
        column.name: getattr(bare, column.name) for column in RARE
    }


def test_the_table_is_the_description() -> None:
    assert [column.name for column in notifications.columns] == [column.name for column in RECORD]


def test_every_kind_has_a_type_on_postgresql() -> None:
    assert set(TYPES) == set(Kind)


@pytest.mark.parametrize("name", adapters())
def test_every_adapter_has_the_same_files(name: str) -> None:
    assert set(modules(adapters()[name])) == set(modules(postgresql))


@pytest.mark.parametrize("name", adapters())
def test_every_adapter_has_the_ports_functions_in_the_same_files_with_the_same_parameters(name: str) -> None:
    assert functions(adapters()[name]) == functions(postgresql)
    assert set(functions(postgresql)) == PORT - ABOUT_THE_DATABASE


def test_an_ordinary_batch_is_one_whose_members_all_leave_the_defaults() -> None:
    assert arguments.is_ordinary([new(), new(user_id="u-1", category="marketing", traceparent="t")])
    for column in RARE:
        assert not arguments.is_ordinary([new(), new(**{column.name: "something"})]), column.name


def test_columns_are_in_the_order_of_the_description() -> None:
    batch = [new(), new(fallback=(Channel.SMS, Channel.PUSH), policy=DeliveryPolicy.AT_MOST_ONCE)]
    found = dict(zip((column.name for column in ORDINARY + RARE), arguments.accepted_columns(batch), strict=True))
    for name in names(Use.ACCEPTED) - {"fallback"}:
        assert list(found[name]) == [getattr(one, name) for one in batch], name
    assert list(found["fallback"]) == ["[]", '["sms","push"]']
    assert arguments.ordinary_columns(batch) == arguments.accepted_columns(batch)[: len(ORDINARY)]


def test_a_claimed_row_is_read_by_name() -> None:
    row = {column.name: column.name for column in used(Use.CLAIMED)}
    odd = {"channel": "sms", "policy": "at_most_once", "recipient": '{"phone":"1"}', "variables": '{"a":1}'}
    read = {"attempt": 2, "expired": 0, "test": 1, "fallback": '["email"]', "history": None, "options": None}
    claim = claimed({**row, **odd, **read}, UUID(int=9))
    fields = {name: getattr(claim, name) for name in Claimed.__struct_fields__}
    assert fields == {
        **row,
        "channel": Channel.SMS,
        "policy": DeliveryPolicy.AT_MOST_ONCE,
        "recipient": {"phone": "1"},
        "variables": {"a": 1},
        "attempt": 2,
        "expired": False,
        "test": True,
        "fallback": (Channel.EMAIL,),
        "options": NO_OPTIONS,
        "doubtful": False,
        "claim_token": UUID(int=9),
    }


@pytest.mark.parametrize(
    ("name", "sql"),
    [
        ("recipient", "NULL::json"),
        ("metadata", "'{}'::jsonb"),
        ("policy", "'at_least_once'::text"),
        ("test", "'false'::bool"),
        ("fallback", "'[]'::jsonb"),
        ("send_at", "NULL::timestamptz"),
    ],
)
def test_a_default_as_sql(name: str, sql: str) -> None:
    [column] = [column for column in RARE if column.name == name]
    assert sql_default(column) == sql


LETTER = NewDeadLetter(id=UUID(int=1), tenant="acme", channel=Channel.SMS, reason=Reason("a", "b"), attempts=1)
MESSAGE_OF = OutboxMessage(key=OutboxKey(UUID(int=1), OutboxKind.WORK), routing_key="sms", body=b"x")
SENT_RESULT = Result(id=UUID(int=1), claim_token=UUID(int=2), status=Status.SENT)


@pytest.mark.parametrize(
    ("described", "values"),
    [
        (DEAD_LETTER, lambda: arguments.dead_letter_values(LETTER)),
        (MESSAGE, lambda: arguments.message_values(MESSAGE_OF)),
        (RESULT, lambda: arguments.result_values(SENT_RESULT)),
    ],
)
def test_a_value_has_exactly_the_columns_that_are_described(
    described: Mapping[str, Kind], values: Callable[[], Mapping[str, object]]
) -> None:
    assert list(values()) == list(described)
    assert arguments.columns(described, []) == [()] * len(described)


def test_what_is_left_of_a_sent_result_is_part_of_the_whole() -> None:
    whole = arguments.result_values(SENT_RESULT)
    assert arguments.sent_columns([SENT_RESULT]) == [[whole[name]] for name in SENT]


def test_every_personal_column_is_taken_out() -> None:
    blanked = set(re.findall(r"(\w+)=:", str(BLANK).partition("WHERE")[0]))
    assert blanked | set(LATER) == {column.name for column in RECORD if column.personal is not None}
    assert blanked >= {"recipient", "variables", "metadata", "reason_message", "events"}
