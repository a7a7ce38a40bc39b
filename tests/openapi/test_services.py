"""Every response of the REST services conforms to the OpenAPI documents, for generated requests too, without 5xx."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.servers import PostgreSQL, RabbitMQ, Redis
from tests.support.system import DistributedSystem, running
from tests.support.system_verbs import Json

SCHEMATHESIS = Path(sys.executable).with_name("st")
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
SECONDS = {"gateway": 22, "users": 9, "templates": 8}
ALWAYS_REFUSED = {
    "POST /api/v1/auth/login",
    "POST /users/login",
    "POST /api/v1/auth/token",
    "POST /webhooks/{provider}/{token}",
}
"""Operations that refuse every caller without an account or the provider's token."""
LEFT_OUT = "/api/v1/keys/|/users/import$|^/api/v1/(users|templates)"
"""Paths that are not tested here. The tool reuses ids of responses, so it would revoke its own key and get 401s. It
cannot generate files of lines. Paths that the gateway proxies are tested at their own service.
"""


@pytest.fixture(scope="module")
def system(
    postgresql: PostgreSQL, rabbitmq: RabbitMQ, redis_server: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DistributedSystem]:
    for server in (postgresql, rabbitmq, redis_server):
        server.start_now()
    with (
        SmtpSink() as sink,
        running(
            DistributedSystem(
                tmp_path_factory.mktemp("openapi"),
                sink=sink,
                postgresql=postgresql,
                rabbitmq=rabbitmq,
                redis=redis_server,
                settings={"RATE_LIMIT": "off"},
            )
        ) as started,
    ):
        yield started


@pytest.mark.distributed
@pytest.mark.timeout(300)  # the first test also starts all servers and services
@pytest.mark.parametrize("service", SECONDS)
async def test_a_service_conforms_to_its_document(system: DistributedSystem, service: str, tmp_path: Path) -> None:
    command = [
        str(SCHEMATHESIS), "run", f"{system.address(service)}/openapi.json",
        *(argument for name, value in system.headers.items() for argument in ("-H", f"{name}: {value}")),
        "--checks", CHECKS, "--phases", "examples,fuzzing", "--max-examples", "20", "--seed", "1", "--no-shrink",
        "--exclude-path-regex", LEFT_OUT, "--max-time", str(SECONDS[service]), "--generation-database", "none",
        "--generation-with-security-parameters", "false", "--continue-on-failure", "--no-color",
    ]  # fmt: skip
    (tmp_path / "schemathesis.toml").write_text(
        "[auth]\nauto-signup = false\n"
    )  # a key is configured; automatic sign-up fails with the users' paths
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode(errors="replace")[-8000:]
    section = output.decode(errors="replace").partition("401 Unauthorized")[2].partition("\n\n")[0]
    refused = set(re.findall(r"^  - (.+)$", section, re.MULTILINE))
    assert refused <= ALWAYS_REFUSED


@pytest.mark.distributed
@pytest.mark.parametrize("service", SECONDS)
async def test_a_document_has_descriptions_and_examples(system: DistributedSystem, service: str) -> None:
    async with httpx2.AsyncClient(base_url=system.address(service), trust_env=False) as client:
        document: Json = (await client.get("/openapi.json")).json()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert " " in operation["summary"], (method, path)
            for status in ("400", "default"):
                schema = operation["responses"][status]["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorEnvelope"}
            body = operation.get("requestBody", {}).get("content", {}).get("application/json")
            assert body is None or _examples(body["schema"], document), (method, path)


def _examples(schema: Json, document: Json) -> list[Any]:
    """The examples of a schema, or of the schema that it refers to."""
    if "$ref" in schema:
        return _examples(document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]], document)
    inner = [found for choice in schema.get("anyOf", ()) for found in _examples(choice, document)]
    return [*schema.get("examples", ()), *inner]
