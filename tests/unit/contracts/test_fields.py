"""null in request bodies: in a POST it means "not given", in a PATCH it clears."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from angarium.contracts.dead_letters import ReplayRequest
from angarium.contracts.fields import Body, Change
from angarium.contracts.keys import KeyCreate
from angarium.contracts.notifications import BulkRequest, NotificationRequest
from angarium.contracts.operators import OperatorCreate
from angarium.contracts.suppressions import SuppressionCreate
from angarium.contracts.templates import PreviewRequest, TemplateCreate, TemplateVersionCreate
from angarium.contracts.tenants import TenantCreate
from angarium.contracts.tokens import TokenRequest
from angarium.contracts.users import DeviceCreate, UserCreate, UserPatch

TARGET = {"recipient": {"email": "ada@example.com"}, "template_code": "welcome"}
MAIL = {"notification_type": "email", **TARGET}
PUSH = {"notification_type": "push", "recipient": {"push_token": "t"}, "template_code": "welcome"}
TEMPLATE = {"code": "welcome", "content": "Hello"}
POSTED: list[tuple[type[Body], dict[str, Any]]] = [
    (NotificationRequest, MAIL),
    (BulkRequest, {"notifications": [MAIL]}),
    (BulkRequest, {"notification_type": "email", "template_code": "welcome", "recipients": [TARGET]}),
    (TemplateCreate, TEMPLATE),
    (TemplateVersionCreate, {"content": "Hello"}),
    (PreviewRequest, {}),
    (UserCreate, {"name": "Ada", "email": "ada@example.com"}),
    (DeviceCreate, {"platform": "fcm", "token": "t"}),
    (ReplayRequest, {"all": True}),
    (KeyCreate, {"name": "shop", "scopes": ["admin"]}),
    (TenantCreate, {"tenant": "acme"}),
    (TokenRequest, {}),
    (SuppressionCreate, {"channel": "email", "address": "ada@example.com"}),
    (OperatorCreate, {"name": "ada", "role": "viewer"}),
]


@pytest.mark.parametrize(("model", "body"), POSTED)
def test_null_in_a_post_is_not_given(model: type[Body], body: dict[str, Any]) -> None:
    names = {field.alias or name for name, field in model.model_fields.items()}
    nulls = {name: None for name in names if name not in body}
    assert nulls or model.model_fields.keys() <= body.keys()
    assert model.model_validate({**nulls, **body}) == model.model_validate(body)


@pytest.mark.parametrize(
    ("body", "nulls"),
    [
        (MAIL, {"email": {"from_name": None, "reply_to": None, "cc": None, "bcc": None, "headers": None}}),
        (PUSH, {"push": {"ttl": None, "badge": None, "sound": None, "actions": None, "data": None}}),
        ({**MAIL, "email": {}}, {"recipient": {"email": "ada@example.com", "phone": None, "name": None}}),
    ],
)
def test_null_in_what_a_notification_holds_is_not_given(body: dict[str, Any], nulls: dict[str, Any]) -> None:
    bare = {name: {} if name in {"email", "push"} else body[name] for name in nulls}
    assert NotificationRequest.model_validate({**body, **nulls}) == NotificationRequest.model_validate({**body, **bare})


def test_a_translation_that_is_null_is_not_given() -> None:
    body = {**TEMPLATE, "translations": {"fr": None, "de": {"content": "Hallo", "subject": None}}}
    kept = {**TEMPLATE, "translations": {"de": {"content": "Hallo"}}}
    assert TemplateCreate.model_validate(body) == TemplateCreate.model_validate(kept)


def test_values_of_the_caller_may_be_null() -> None:
    request = NotificationRequest.model_validate({**MAIL, "variables": {"a": None}, "metadata": {"b": {"c": None}}})
    assert (request.variables, request.metadata) == ({"a": None}, {"b": {"c": None}})


@pytest.mark.parametrize(("model", "body"), [*POSTED, (UserPatch, {})])
def test_an_unknown_field_is_named_even_if_it_is_null(model: type[Body], body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        model.model_validate({**body, "colour": None})
    assert [(error["type"], error["loc"]) for error in refused.value.errors()] == [("extra_forbidden", ("colour",))]


@pytest.mark.parametrize(("model", "body"), POSTED)
def test_a_required_field_that_is_null_is_missing(model: type[Body], body: dict[str, Any]) -> None:
    required = [field.alias or name for name, field in model.model_fields.items() if field.is_required()]
    for name in required:
        with pytest.raises(ValidationError) as refused:
            model.model_validate({**body, name: None})
        assert ("missing", (name,)) in [(error["type"], error["loc"]) for error in refused.value.errors()]


def _changes(model: type[Change]) -> Iterator[type[Change]]:
    for inner in model.__subclasses__():
        yield inner
        yield from _changes(inner)


def test_null_in_a_patch_is_a_value() -> None:
    assert UserPatch.model_validate({"phone": None}).model_fields_set == {"phone"}
    assert {one.__name__ for one in _changes(Change) if one.not_null} == set()
