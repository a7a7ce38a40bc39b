"""The OpenAPI documents have what client generators need: stable ids, descriptions, and all error responses."""

import asyncio
import json
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator  # comes with schemathesis

from angarium.embedded.composition import EmbeddedSettings, open_embedded
from angarium.platform.http.frame.openapi import DocumentedApp
from angarium.platform.telemetry.logging import make_logger
from angarium.services.gateway.documents.introduction import TAGS, with_introduction
from angarium.services.gateway.documents.merging import behind_the_gateway, merged

pytestmark = pytest.mark.slow

OPERATIONS = {
    "gateway": """
        send_notification send_notifications list_notifications get_notification get_notification_status
        list_notification_events explain_notification resolve_notification cancel_notification
        list_dead_letters replay_dead_letters get_dead_letter discard_dead_letter replay_dead_letter
        list_keys create_key revoke_key rotate_key list_tenants create_tenant create_token log_in list_audit_entries
        report_email_status report_push_status report_sms_status
        list_mailbox_messages empty_mailbox get_mailbox_message delete_mailbox_message
        get_mailbox_message_source get_mailbox_attachment
        list_callback_attempts replay_callbacks replay_callbacks_in_range
        send_email send_verification_email get_queue_stats get_user_stats get_email
    """,
    "users": """
        import_users get_user_import create_user list_users replace_user amend_user delete_user get_user
        get_preferences replace_preferences amend_preferences list_devices add_device remove_device
    """,
    "templates": """
        create_template list_templates archive_template get_template preview_template
        add_version list_versions publish_version diff_versions
    """,
}
"""Operation ids become function names in generated clients, so they must never change."""
CONFLICTS = {
    *("send_notification", "resolve_notification", "cancel_notification", "replay_dead_letter", "create_key"),
    *("create_tenant", "report_email_status", "send_email", "send_verification_email"),
    *("create_user", "replace_user", "amend_user", "add_device", "create_template"),
}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return asyncio.run(_documents(tmp_path_factory.mktemp("documents")))


async def _documents(folder: Path) -> dict[str, Any]:
    settings = EmbeddedSettings.load(data_dir=folder, mailbox_smtp_port=0, api_key="ang_live_of_the_documents")
    logger = make_logger("documents", format="json", stream=StringIO())
    async with open_embedded(settings, logger=logger) as embedded:
        apps: dict[str, DocumentedApp] = {"gateway": embedded.app._gateway, **embedded.app._beside}  # type: ignore[attr-defined]
        return {name: app.openapi() for name, app in apps.items()}


def _operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for item in document["paths"].values():
        yield from item.values()


@pytest.mark.parametrize("service", OPERATIONS)
def test_operation_ids_do_not_change(documents: dict[str, Any], service: str) -> None:
    ids = [operation["operationId"] for operation in _operations(documents[service])]
    assert len(set(ids)) == len(ids)
    assert set(OPERATIONS[service].split()) <= set(ids)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]{2,40}", name) for name in ids)


@pytest.mark.parametrize("service", OPERATIONS)
def test_every_field_and_parameter_is_described(documents: dict[str, Any], service: str) -> None:
    document = documents[service]
    fields = {
        f"{model}.{name}"
        for model, schema in document["components"]["schemas"].items()
        for name, field in schema.get("properties", {}).items()
        if not field.get("description")
    }
    parameters = {
        f"{operation['operationId']}({parameter['name']})"
        for operation in _operations(document)
        for parameter in operation.get("parameters", ())
        if not parameter.get("description")
    }
    assert (fields, parameters) == (set(), set())


@pytest.mark.parametrize("service", OPERATIONS)
def test_titles_of_schemas_are_distinct(documents: dict[str, Any], service: str) -> None:
    titles = [schema.get("title", name) for name, schema in documents[service]["components"]["schemas"].items()]
    assert len(set(titles)) == len(titles)


def test_every_error_response_is_listed(documents: dict[str, Any]) -> None:
    found = [operation for document in documents.values() for operation in _operations(document)]
    for operation in found:
        listed = set(operation["responses"])
        named = [parameter["name"].lower() for parameter in operation.get("parameters", ())]
        assert {"400", "503"} <= listed
        assert "Retry-After" in operation["responses"]["503"]["headers"]
        assert ("413" in listed) is ("requestBody" in operation)
        assert ("412" in listed) is ("if-match" in named)
        if "security" in operation:
            assert {"401", "403", "429"} <= listed
            assert "Retry-After" in operation["responses"]["429"]["headers"]
        for status in listed - {"200", "201", "202"}:
            schema = operation["responses"][status]["content"]["application/json"]["schema"]
            assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}
    assert {operation["operationId"] for operation in found if "409" in operation["responses"]} >= CONFLICTS
    [login] = [operation for operation in found if operation["operationId"] == "log_in"]
    assert {"401", "429"} <= set(login["responses"])


def test_formats_and_rules_between_fields_are_documented(documents: dict[str, Any]) -> None:
    schemas = documents["gateway"]["components"]["schemas"]
    request, shown = schemas["NotificationRequest"], schemas["NotificationView"]
    assert "Exactly one of `user_id` and `recipient`" in request["description"]
    assert "request_id" not in request["required"]
    assert "one of `message` and `html_content`" in schemas["SendRequest"]["description"]
    formats = {
        "send_at": request["properties"]["send_at"]["anyOf"][0]["format"],
        "sent_at": shown["properties"]["sent_at"]["anyOf"][0]["format"],
        "callback_url": request["properties"]["callback_url"]["anyOf"][0]["format"],
        "email": schemas["Recipient"]["properties"]["email"]["anyOf"][0]["format"],
        "user_id": request["properties"]["user_id"]["anyOf"][0]["format"],
    }
    assert formats == {
        "send_at": "date-time",
        "sent_at": "date-time",
        "callback_url": "uri",
        "email": "email",
        "user_id": "uuid",
    }


@pytest.mark.parametrize("service", OPERATIONS)
def test_every_field_has_a_valid_example(documents: dict[str, Any], service: str) -> None:
    document = documents[service]
    missing, wrong = set(), {}
    for model, schema in document["components"]["schemas"].items():
        for name, field in schema.get("properties", {}).items():
            examples = field.get("examples", ())
            if not examples and not _refers(field):
                missing.add(f"{model}.{name}")
            for example in examples:
                validator = Draft202012Validator({**field, "components": document["components"]})
                if faults := [fault.message for fault in validator.iter_errors(example)]:
                    wrong[f"{model}.{name}"] = faults
    assert (missing, wrong) == (set(), {})


@pytest.mark.parametrize("service", OPERATIONS)
def test_every_parameter_has_a_valid_example(documents: dict[str, Any], service: str) -> None:
    document = documents[service]
    missing, wrong = set(), {}
    for operation in _operations(document):
        for parameter in operation.get("parameters", ()):
            name, schema = f"{operation['operationId']}({parameter['name']})", parameter["schema"]
            examples = [*schema.get("examples", ()), *([parameter["example"]] if "example" in parameter else [])]
            if not examples and not _refers(schema):
                missing.add(name)
            for example in examples:
                validator = Draft202012Validator({**schema, "components": document["components"]})
                if faults := [fault.message for fault in validator.iter_errors(example)]:
                    wrong[name] = faults
    assert (missing, wrong) == (set(), {})


def _refers(field: dict[str, Any]) -> bool:
    """Whether the field refers to other schemas, which have their own examples."""
    return '"$ref"' in json.dumps(field)


def test_the_merged_document_has_every_operation_and_id(documents: dict[str, Any]) -> None:
    others = {name: behind_the_gateway(documents[name], name) for name in ("users", "templates")}
    whole = with_introduction(merged(documents["gateway"], others))
    ids = [operation["operationId"] for operation in _operations(whole)]
    assert len(set(ids)) == len(ids) == sum(len(list(_operations(documents[name]))) for name in documents)
    titles = [schema.get("title", name) for name, schema in whole["components"]["schemas"].items()]
    assert len(set(titles)) == len(titles)
    referred = set(re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(whole)))
    assert referred <= set(whole["components"]["schemas"])
    tagged = {tag for operation in _operations(whole) for tag in operation["tags"]}
    assert tagged <= set(TAGS)
