"""Writes the Postman collection and the k6 script in `examples/` from the OpenAPI document.

`.venv/bin/python scripts/write_examples.py`
"""

import asyncio
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2

from angarium.embedded.composition import EmbeddedSettings, open_embedded
from angarium.platform.telemetry.logging import make_logger

FOLDER = Path(__file__).parents[1] / "examples"
COLLECTION = "angarium.postman_collection.json"
K6 = "k6/send.js"
METHODS = ("post", "get", "put", "patch", "delete")
"""The order of the requests in a folder: creating requests come before reading ones."""
CAPTURED: Mapping[str, tuple[str, str]] = {
    "send_notification": ("notification_id", "data.notification_id"),
    "create_user": ("user_id", "data.user_id"),
    "add_device": ("device_id", "data.device_id"),
    "import_users": ("import_id", "data.import_id"),
    "create_template": ("code", "data.code"),
    "create_key": ("key_id", "data.key_id"),
    "list_providers": ("provider_id", "data[0].provider_id"),
    "rotate_key": ("key_id", "data.key_id"),
    "list_suppressions": ("suppression_id", "data[0].id"),
    "create_operator": ("operator_id", "data.operator_id"),
    "list_mailbox_messages": ("message_id", "data[0].id"),
    "list_dead_letters": ("letter_id", "data[0].id"),
}
"""The collection variable that an operation's response sets, and its place in the response."""
AFTER = ("rotate_key", "list_suppressions")
"""Operations that need the result of another operation."""
VARIABLES: Mapping[str, str] = {
    "url": "http://localhost:8000",
    "key": "",
    "version": "1",
    "index": "0",
    "provider": "sendgrid",
    "token": "token",
    **{name: "00000000-0000-0000-0000-000000000000" for name, _ in CAPTURED.values()},
    "code": "welcome",
}
_SCHEMA = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"
_K6 = """\
// Made by scripts/write_examples.py from the OpenAPI document. Run it with
//   k6 run -e KEY=ang_live_… -e RATE=100 -e DURATION=30s examples/k6/send.js
import http from "k6/http";
import {{ check }} from "k6";

const URL = __ENV.URL || "http://localhost:8000";
const BODY = {body};

export const options = {{
  scenarios: {{
    send: {{
      executor: "constant-arrival-rate",
      rate: Number(__ENV.RATE || 50),
      timeUnit: "1s",
      duration: __ENV.DURATION || "30s",
      preAllocatedVUs: 50,
      maxVUs: 500,
    }},
  }},
  thresholds: {{ checks: ["rate>0.999"], http_req_duration: ["p(95)<500"] }},
}};

// Each call is a notification of its own: a request_id that is repeated gives the first one again.
export default function () {{
  const body = {{ ...BODY, request_id: `k6-${{__VU}}-${{__ITER}}-${{Date.now()}}` }};
  const answer = http.{method}(`${{URL}}{path}`, JSON.stringify(body), {{
    headers: {{ "Content-Type": "application/json", "X-API-Key": __ENV.KEY || "" }},
    tags: {{ operation: "send_notification" }},
  }});
  check(answer, {{ "is accepted": (given) => given.status === {status} }});
}}
"""

Json = dict[str, Any]


def made(document: Json) -> dict[str, str]:
    """The contents of the files, by their names in `examples/`."""
    collection = json.dumps(_collection(document), indent=2, ensure_ascii=False)
    return {COLLECTION: f"{collection}\n", K6: _k6(document)}


async def the_document() -> Json:
    """The OpenAPI document of a gateway in this process."""
    with tempfile.TemporaryDirectory() as folder:
        settings = EmbeddedSettings.load(data_dir=Path(folder), mailbox_smtp_port=0, api_key="ang_live_of_the_examples")
        logger = make_logger("examples", format="json", stream=io.StringIO())
        async with open_embedded(settings, logger=logger) as embedded:
            transport = httpx2.ASGITransport(app=embedded.app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as client:
                document: Json = (await client.get("/openapi.json")).json()
                return document


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method and operation, ordered by method."""
    for method in METHODS:
        for path, item in document["paths"].items():
            if method in item:
                yield path, method, item[method]


def _collection(document: Json) -> Json:
    folders: dict[str, list[Json]] = {tag["name"]: [] for tag in _sorted_tags(document)}
    clean_up: list[Json] = []
    for path, method, operation in sorted(_operations(document), key=_place):
        target = clean_up if method == "delete" else folders[operation["tags"][0]]
        target.append(_item(document, path, method, operation))
    groups = [{"name": name, "item": items} for name, items in folders.items() if items]
    return {
        "info": {
            "name": document["info"]["title"],
            "description": document["info"]["description"],
            "schema": _SCHEMA,
        },
        "auth": {
            "type": "apikey",
            "apikey": [
                {"key": "key", "value": "X-API-Key", "type": "string"},
                {"key": "value", "value": "{{key}}", "type": "string"},
                {"key": "in", "value": "header", "type": "string"},
            ],
        },
        "variable": [{"key": name, "value": value, "type": "string"} for name, value in VARIABLES.items()],
        "item": [*groups, {"name": "clean up", "item": clean_up}],
    }


def _place(found: tuple[str, str, Json]) -> tuple[bool, int]:
    """The sort key: requests that set a variable first; among deletions, a part before its whole."""
    path, method, operation = found
    last = operation["operationId"] not in CAPTURED or operation["operationId"] in AFTER
    return last, -path.count("/") if method == "delete" else 0


def _sorted_tags(document: Json) -> list[Json]:
    """Users and templates come first, because notifications refer to them."""
    first = ("users", "preferences", "devices", "templates")
    tags: list[Json] = document["tags"]
    return sorted(tags, key=lambda tag: first.index(tag["name"]) if tag["name"] in first else len(first))


def _item(document: Json, path: str, method: str, operation: Json) -> Json:
    parameters = operation.get("parameters", [])
    segments = [f":{part[1:-1]}" if part.startswith("{") else part for part in path.strip("/").split("/")]
    query = [
        {"key": one["name"], "value": "", "disabled": True, "description": one.get("description", "")}
        for one in parameters
        if one["in"] == "query" and not one.get("required")
    ] + [
        {"key": one["name"], "value": str(_value(one)), "description": one.get("description", "")}
        for one in parameters
        if one["in"] == "query" and one.get("required")
    ]
    url = {
        "raw": f"{{{{url}}}}/{'/'.join(segments)}",
        "host": ["{{url}}"],
        "path": segments,
        "query": query,
        "variable": [
            {"key": one["name"], "value": f"{{{{{one['name']}}}}}", "description": one.get("description", "")}
            for one in parameters
            if one["in"] == "path"
        ],
    }
    media, body = _body(document, operation)
    request: Json = {
        "method": method.upper(),
        "description": operation.get("description", ""),
        "header": [{"key": "Content-Type", "value": media}] if media else [],
        "url": url,
    }
    if body is not None:
        request["body"] = {"mode": "raw", "raw": body, "options": {"raw": {"language": "json"}}}
    return {"name": operation["summary"], "event": [_test(operation)], "request": request, "response": []}


def _value(parameter: Json) -> Any:
    """A value for a required query parameter."""
    schema = parameter.get("schema", {})
    return parameter.get("example", schema.get("examples", [1])[0])


def _body(document: Json, operation: Json) -> tuple[str | None, str | None]:
    """The media type of the operation's body, and an example."""
    content = operation.get("requestBody", {}).get("content", {})
    if not content:
        return None, None
    media = "application/json" if "application/json" in content else next(iter(content))
    found = content[media]
    given = found.get("example", next((one["value"] for one in found.get("examples", {}).values()), None))
    if given is None:
        given = _example(document, found.get("schema", {}))
    return media, given if isinstance(given, str) else json.dumps(given, indent=2, ensure_ascii=False)


def _example(document: Json, schema: Json) -> Any:
    """The first example of a schema or of a schema that it refers to."""
    if "$ref" in schema:
        return _example(document, document["components"]["schemas"][schema["$ref"].rpartition("/")[2]])
    for one in (schema, *schema.get("anyOf", ())):
        if one.get("examples"):
            return one["examples"][0]
        if "$ref" in one:
            return _example(document, one)
    return {}


def _test(operation: Json) -> Json:
    """The Postman script for a response: checks that its status is documented and stores its id in a variable."""
    codes = sorted(int(code) for code in operation["responses"] if code.isdecimal() and code != "503")
    lines = [
        'pm.test("the status is documented", () => {',
        f"  pm.expect(pm.response.code).to.be.oneOf({json.dumps(codes)});",
        "});",
    ]
    if operation["operationId"] in CAPTURED:
        name, place = CAPTURED[operation["operationId"]]
        steps = place.replace("[", "?.[").replace(".", "?.").replace("??.", "?.")
        lines += [
            f"const found = pm.response.code < 300 ? pm.response.json()?.{steps} : undefined;",
            f'if (found) pm.collectionVariables.set("{name}", found);',
        ]
    return {"listen": "test", "script": {"type": "text/javascript", "exec": lines}}


def _k6(document: Json) -> str:
    path, method, operation = next(
        found for found in _operations(document) if found[2]["operationId"] == "send_notification"
    )
    _, body = _body(document, operation)
    fields = {name: value for name, value in json.loads(body or "{}").items() if name != "request_id"}
    status = next(code for code in operation["responses"] if code.startswith("2"))
    return _K6.format(body=json.dumps(fields, indent=2), method=method, path=path, status=status)


if __name__ == "__main__":
    for name, text in made(asyncio.run(the_document())).items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")
