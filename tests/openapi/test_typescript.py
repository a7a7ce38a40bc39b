"""Types generated from the OpenAPI document by openapi-typescript: a program that uses them compiles and sends a mail.

Needs Node and its package registry, so it is not part of `make test`.
"""

import asyncio
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from angarium.testing.smtp.sink import SmtpSink
from tests.support.system import EmbeddedSystem, running
from tests.support.system_verbs import new_email
from tests.support.wait import until

pytestmark = pytest.mark.long

PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3")
OPTIONS = {
    "compilerOptions": {
        "strict": True,
        "module": "nodenext",
        "target": "es2022",
        "lib": ["es2022", "dom"],
        "types": [],
        "skipLibCheck": False,
    },
    "include": ["send.ts", "wrong.ts"],
}
SEND = """
import createClient from "openapi-fetch";
import type { paths } from "./angarium.js";

declare const process: { argv: string[] };
const [url, key, address] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url, headers: { "X-API-Key": key } });
const user = await client.POST("/api/v1/users", { body: { name: "Ann", email: address } });
if (!user.data) throw new Error(user.error.error.code);
const sent = await client.POST("/api/v1/notifications", {
  body: {
    notification_type: "email",
    user_id: user.data.data.user_id,
    template_code: "_verification",
    variables: { username: "Ann", verification_link: "https://shop.example/v" },
  },
});
if (!sent.data) throw new Error(sent.error.error.message);
const shown = await client.GET("/api/v1/notifications/{notification_id}", {
  params: { path: { notification_id: sent.data.data.notification_id } },
});
console.log(JSON.stringify({ status: sent.data.data.status, type: shown.data?.data.notification_type }));
"""
WRONG = """
import createClient from "openapi-fetch";
import type { paths } from "./angarium.js";

const client = createClient<paths>({});
// @ts-expect-error - there is no such channel
await client.POST("/api/v1/notifications", { body: { notification_type: "fax", template_code: "x" } });
// @ts-expect-error - there is no such path
await client.GET("/api/v1/nothing");
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedSystem]:
    with SmtpSink() as sink, running(EmbeddedSystem(tmp_path_factory.mktemp("typed"), sink=sink)) as started:
        yield started


async def _run(*command: str | Path, folder: Path) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=folder,
        env={**os.environ, "npm_config_cache": str(folder / ".npm"), "CI": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    return output.decode()


@pytest.mark.timeout(600)
async def test_a_program_with_the_generated_types_compiles_and_sends_a_mail(
    system: EmbeddedSystem, tmp_path: Path
) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    assert node, "install Node 20 or later"
    assert npm, "install npm"
    (tmp_path / "package.json").write_text('{"type": "module", "private": true}')
    (tmp_path / "tsconfig.json").write_text(json.dumps(OPTIONS))
    (tmp_path / "send.ts").write_text(SEND)
    (tmp_path / "wrong.ts").write_text(WRONG)
    async with httpx2.AsyncClient(base_url=system.url, trust_env=False, timeout=30) as client:
        (tmp_path / "openapi.json").write_bytes((await client.get("/openapi.json")).content)
    await _run(npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", *PACKAGES, folder=tmp_path)
    programs = tmp_path / "node_modules/.bin"
    made = ("openapi.json", "-o", "angarium.d.ts", "--default-non-nullable=false")  # a default is not required
    await _run(programs / "openapi-typescript", *made, folder=tmp_path)
    await _run(programs / "tsc", "-p", "tsconfig.json", folder=tmp_path)
    address = new_email()
    said = await _run(node, "send.js", system.url, system.headers["X-API-Key"], address, folder=tmp_path)
    assert json.loads(said.splitlines()[-1]) == {"status": "pending", "type": "email"}
    assert await until(lambda: system.sink.to(address), 30)
