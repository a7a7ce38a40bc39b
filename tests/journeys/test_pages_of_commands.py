"""The commands in the README and in docs/api.md work as described."""

import asyncio
import re
import shutil
from pathlib import Path

from angarium.testing.smtp.sink import SmtpSink
from tests.support.system import EmbeddedSystem, running

ROOT = Path(__file__).parents[2]
WITHIN = 60.0
FIRST_COMMAND = "make run\n"
ID = "$(curl -s '{url}/api/v1/notifications?request_id=order-42' -H \"X-API-Key: $KEY\" | {field})"
FIELD = 'python3 -c \'import json, sys; print(json.load(sys.stdin)["data"][0]["notification_id"])\''


def _commands(page: str, system: EmbeddedSystem) -> str:
    """The page's commands for this system, with placeholders replaced."""
    text = (ROOT / page).read_text(encoding="utf-8").partition("\n## Distributed\n")[0]
    script = "".join(re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)).replace(FIRST_COMMAND, "")
    script = script.replace("http://localhost:8000", system.url).replace("localhost:8000", system.url)
    script = script.replace("export KEY=…", f"export KEY={system.key}")
    script = script.replace("export ID=…", f"export ID={ID.format(url=system.url, field=FIELD)}")
    return re.sub(r"^curl ", "curl -sS --fail-with-body ", script, flags=re.MULTILINE)


async def test_every_documented_command_succeeds_in_order(sink: SmtpSink, tmp_path: Path) -> None:
    system = EmbeddedSystem(tmp_path, sink=sink, settings={"EMAIL_PROVIDERS": "mailbox://"})
    with running(system):
        for page in ("README.md", "docs/api.md", "docs/api.md"):
            await _run(_commands(page, system), tmp_path)


async def _run(commands: str, folder: Path) -> None:
    bash = shutil.which("bash")
    assert bash
    script = f"set -eo pipefail\n{commands}"
    process = await asyncio.create_subprocess_exec(
        bash, "-c", script, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, cwd=folder
    )
    output, _ = await asyncio.wait_for(process.communicate(), WITHIN)
    assert process.returncode == 0, output.decode()[-2000:]
    assert output.count(b'"success":true') >= script.count("\ncurl ")
