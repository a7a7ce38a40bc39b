"""The Postman collection and the k6 script in `examples/` match the OpenAPI document, and their requests work."""

import asyncio
import json
import re
import runpy
from collections import Counter
from collections.abc import Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.system import EmbeddedSystem, running
from tests.support.wait import until

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
SCRIPT = runpy.run_path(str(ROOT / "scripts/write_examples.py"))
COLLECTION, K6 = ROOT / "examples" / SCRIPT["COLLECTION"], ROOT / "examples" / SCRIPT["K6"]
REFUSED = (
    "notifications/:notification_id/resolve",
    "notifications/:notification_id/cancel",
    "notifications/:notification_id/callbacks/replay",
    "/email/status",
    "/push/status",
    "/sms/status",
    "/webhook/status",
    "dead-letters/:letter_id",
    "dead-letters/:letter_id/replay",
    "attachments/:index",
    "webhooks/:provider/:token",
    "auth/login",
)
"""Path endings of requests whose example is refused on a new system, because its object does not exist."""
Json = dict[str, Any]


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSystem]:
    settings = {"EMAIL_PROVIDERS": "mailbox://"}
    with (
        SmtpSink() as sink,
        running(EmbeddedSystem(tmp_path_factory.mktemp("examples"), sink=sink, settings=settings)) as started,
    ):
        yield started


def test_the_files_are_up_to_date() -> None:
    written = SCRIPT["made"](asyncio.run(SCRIPT["the_document"]()))
    for name, text in written.items():
        assert (ROOT / "examples" / name).read_text(encoding="utf-8") == text, "run scripts/write_examples.py"


class Runner:
    """Sends the requests of a collection as Postman does: fills in variables, and stores ids for later requests."""

    def __init__(self, collection: Json, client: httpx2.AsyncClient, key: str) -> None:
        self._client = client
        self._items = [item for folder in collection["item"] for item in folder["item"]]
        self._values = {one["key"]: one["value"] for one in collection["variable"]} | {"key": key, "url": ""}
        [auth] = [one["value"] for one in collection["auth"]["apikey"] if one["key"] == "key"]
        self._auth = {auth: key}

    async def run(self) -> list[tuple[Json, httpx2.Response]]:
        """Send all items. Return each with its response, in order."""
        answers = []
        for item in self._items:
            answer = await until(partial(self._answer, item), 30)
            assert answer is not None
            answers.append((item, answer))
        return answers

    async def _answer(self, item: Json) -> httpx2.Response | None:
        """The response, or None if the system is overloaded."""
        answer = await self._send(item)
        return None if answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE else answer

    async def _send(self, item: Json) -> httpx2.Response:
        request, url = item["request"], item["request"]["url"]
        path = {one["key"]: quote(self._filled(one["value"]), safe="") for one in url["variable"]}
        parts = [path[part[1:]] if part.startswith(":") else part for part in url["path"]]
        answer = await self._client.request(
            request["method"],
            "/" + "/".join(parts),
            params={one["key"]: one["value"] for one in url["query"] if not one.get("disabled")},
            headers=self._auth | {one["key"]: one["value"] for one in request["header"]},
            content=request["body"]["raw"].encode() if "body" in request else None,
        )
        self._keep(item, answer)
        return answer

    def _filled(self, text: str) -> str:
        return re.sub(r"{{(\w+)}}", lambda found: self._values[found[1]], text)

    def _keep(self, item: Json, answer: httpx2.Response) -> None:
        script = "\n".join(item["event"][0]["script"]["exec"])
        found = re.search(r"json\(\)\?\.(\S+) : undefined;\nif \(found\) pm.collectionVariables.set\(\"(\w+)\"", script)
        if found and answer.is_success:
            value = answer.json()
            for step in re.findall(r"\w+", found[1]):
                value = value[int(step)] if step.isdecimal() and value else value.get(step) if value else None
            self._values[found[2]] = value or self._values[found[2]]


async def test_every_request_of_the_collection_gets_a_documented_response(system: EmbeddedSystem) -> None:
    collection = json.loads(COLLECTION.read_text(encoding="utf-8"))
    async with httpx2.AsyncClient(base_url=system.url, trust_env=False, timeout=30) as client:
        answers = await Runner(collection, client, system.headers["X-API-Key"]).run()
    undocumented, refused = [], []
    for item, answer in answers:
        script = "".join(item["event"][0]["script"]["exec"])
        [codes] = re.findall(r"oneOf\((\[[\d, ]+\])\)", script)
        said = (item["request"]["method"], item["request"]["url"]["raw"], answer.status_code, answer.text[:300])
        undocumented += [said] if answer.status_code not in json.loads(codes) else []
        refused += [said] if not answer.is_success and not said[1].endswith(REFUSED) else []
    assert (undocumented, refused) == ([], [])
    assert len(answers) == sum(len(folder["item"]) for folder in collection["item"])


async def test_the_request_of_the_k6_script_is_accepted(system: EmbeddedSystem) -> None:
    script = K6.read_text(encoding="utf-8")
    [body] = re.findall(r"^const BODY = (\{.+?^\});", script, flags=re.MULTILINE | re.DOTALL)
    [(method, path)] = re.findall(r"http\.(\w+)\(`\$\{URL\}(\S+)`", script)
    [status] = re.findall(r"given\.status === (\d+)", script)
    async with httpx2.AsyncClient(base_url=system.url, trust_env=False, timeout=30) as client:
        key = {"X-API-Key": system.headers["X-API-Key"]}
        answer = await client.request(method, path, json={**json.loads(body), "request_id": "k6-1-1"}, headers=key)
    assert answer.status_code == int(status)
    assert Counter(script)["{"] == Counter(script)["}"]
