"""Every example body in the documentation is accepted unchanged."""

from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any
from uuid import UUID

from tests.support.system import System
from tests.support.system_verbs import Json, new_email

DOCUMENTS = ("/openapi.json",)
UNKNOWN = {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.UNAUTHORIZED}
"""Expected statuses of examples with an unknown object, an existing object, or a wrong login."""


async def test_every_documented_body_is_accepted(system: System) -> None:
    documents = [(await system.client.get(path)).json() for path in DOCUMENTS]
    places = await _places(system)
    tried: dict[str, int] = {}
    for method, path, example, media in _examples(documents):
        target = path.format_map(places)
        answer = await system.client.request(
            method,
            target,
            content=example if isinstance(example, str) else None,
            json=None if isinstance(example, str) else example,
            headers={"content-type": media},
        )
        assert answer.is_success or answer.status_code in UNKNOWN, (method, path, answer.text)
        tried[f"{method} {path}"] = answer.status_code
    assert tried["POST /api/v1/notifications"] == HTTPStatus.ACCEPTED
    assert tried["POST /api/v1/users"] == HTTPStatus.CREATED
    assert len(tried) > 20


async def test_the_example_notification_is_sent(system: System) -> None:
    document = (await system.client.get("/openapi.json")).json()
    [example] = document["components"]["schemas"]["NotificationRequest"]["examples"]
    accepted = await system.send(**{**example, "request_id": new_email(), "recipient": {"email": new_email()}})
    await system.wait_for(accepted["notification_id"], "sent")


async def _places(system: System) -> Mapping[str, str]:
    template = await system.create_template()
    user = await system.create_user()
    sent = await system.deliver(
        recipient={"email": new_email()}, template_code=template["code"], variables={"name": "Ada"}
    )
    return {
        "code": template["code"],
        "user_id": user["user_id"],
        "notification_id": sent["notification_id"],
        "version": "1",
        "provider_id": str(UUID(int=0)),
    }


def _examples(documents: list[Json]) -> Iterator[tuple[str, str, Any, str]]:
    """Method, path, example and media type of each operation with a body."""
    schemas = {name: schema for one in documents for name, schema in one["components"]["schemas"].items()}
    for document in documents:
        for path, item in document["paths"].items():
            if path.startswith("/webhooks/"):
                continue  # posted by providers, with a signature
            for method, operation in item.items():
                for media, content in operation.get("requestBody", {}).get("content", {}).items():
                    yield method.upper(), path, content.get("example") or _example(content["schema"], schemas), media


def _example(schema: Json, schemas: Json) -> Any:
    """The first example of a schema, of a schema that it refers to, or of its first alternative."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return _example(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    return _example(schema["anyOf"][0], schemas)
