"""The page on what travels through the broker says what the code does."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from msgspec.structs import fields

from angarium import __version__
from angarium.contracts.messages import (
    EVENTS_EXCHANGE,
    FAILED_KEY,
    SCHEMA_VERSION,
    WORK_EXCHANGE,
    FailedMessage,
    QueueMessage,
    StatusEvent,
    light_key,
    routing_key,
)
from angarium.contracts.statuses import Channel, Status
from angarium.notifications.topology import build_topology

PAGE = Path(__file__).parents[3] / "docs" / "asyncapi.yaml"
MESSAGES: Mapping[str, type[msgspec.Struct]] = {
    "QueueMessage": QueueMessage,
    "FailedMessage": FailedMessage,
    "StatusEvent": StatusEvent,
}


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(PAGE.read_text(encoding="utf-8"))
    return document


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_fields_of_its_type(page: dict[str, Any], name: str) -> None:
    schema = page["components"]["schemas"][name]
    declared = fields(MESSAGES[name])
    assert set(schema["properties"]) == {field.encode_name for field in declared}
    assert set(schema["required"]) == {field.encode_name for field in declared if field.required}
    for field in declared:
        shown = schema["properties"][field.encode_name]
        nullable = "null" in str(shown)
        assert nullable == (type(None) in getattr(field.type, "__args__", ())), field.name
        if field.default is not msgspec.NODEFAULT and "default" in shown:
            assert shown["default"] == field.default
    assert schema["properties"]["schema_version"]["default"] == SCHEMA_VERSION


@pytest.mark.parametrize("name", MESSAGES)
def test_an_example_is_one(page: dict[str, Any], name: str) -> None:
    for example in page["components"]["messages"][name]["examples"]:
        assert set(example["payload"]) <= set(page["components"]["schemas"][name]["properties"])
        assert isinstance(msgspec.convert(example["payload"], MESSAGES[name]), MESSAGES[name])


def test_channels_are_those_of_the_topology(page: dict[str, Any]) -> None:
    channels = page["channels"]
    topology = build_topology(retry_delays=())
    keys = {binding.routing_key for queue in topology.queues for binding in queue.bindings}
    assert {*channels["work"]["parameters"]["key"]["enum"], channels["failed"]["address"]} == keys
    assert {light_key(Channel.SMS), routing_key(Channel.PUSH, 9), FAILED_KEY} <= keys
    exchanges = {name: channel["bindings"]["amqp"]["exchange"]["name"] for name, channel in channels.items()}
    assert exchanges == {"work": WORK_EXCHANGE, "failed": WORK_EXCHANGE, "events": EVENTS_EXCHANGE}


def test_statuses_and_channels_are_ours(page: dict[str, Any]) -> None:
    told = {str(status) for status in Status} - {"sending"}
    parameters = page["channels"]["events"]["parameters"]
    assert set(parameters["status"]["enum"]) == told
    assert set(page["components"]["schemas"]["StatusEvent"]["properties"]["status"]["enum"]) == told
    assert parameters["channel"]["enum"] == [str(channel) for channel in Channel]


def test_references_lead_somewhere_and_the_version_is_ours(page: dict[str, Any]) -> None:
    assert page["info"]["version"] == __version__
    for reference in _references(page):
        at: Any = page
        for part in reference.removeprefix("#/").split("/"):
            at = at[part]


def _references(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["$ref"]] if "$ref" in value else []
        return own + [found for inner in value.values() for found in _references(inner)]
    return [found for inner in value for found in _references(inner)] if isinstance(value, list) else []
