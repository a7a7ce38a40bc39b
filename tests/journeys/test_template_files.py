"""Templates as files: pushing, pulling and sending."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from tests.support.starters import EXAMPLES
from tests.support.system import System
from tests.support.system_verbs import new_email, new_name


async def angarium(system: System, *arguments: str) -> tuple[int, Any, str]:
    """The exit status, the JSON output and the error output of `angarium templates …`."""
    environment = {
        **os.environ,
        "ANGARIUM_GATEWAY_URL": system.url,
        "ANGARIUM_API_KEY": system.key,
    }
    command = [str(Path(sys.executable).with_name("angarium")), "templates", *arguments, "--json"]
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, complaints = await process.communicate()
    return process.returncode or 0, json.loads(out) if out else None, complaints.decode()


def actions(rows: list[dict[str, Any]]) -> dict[str, tuple[str, int]]:
    return {row["code"]: (row["action"], row["version"]) for row in rows}


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


async def test_templates_are_pushed_and_pulled_as_files(system: System, tmp_path: Path) -> None:
    code, rows, complaints = await angarium(system, "push", "--starters")
    assert code == 0, complaints
    assert set(EXAMPLES) < set(actions(rows))

    one = tmp_path / "one"
    code, _, complaints = await angarium(system, "pull", str(one), "_layout", "_button", "_line_items", *EXAMPLES)
    assert code == 0, complaints
    assert "order_confirmation/email.mjml" in files_of(one)
    code, rows, _ = await angarium(system, "push", str(one))
    assert {action for action, _ in actions(rows).values()} == {"unchanged"}

    button = one / "_button" / "email.mjml"
    button.write_text(button.read_text().replace("</mj-button>", "!</mj-button>"))
    code, rows, complaints = await angarium(system, "push", str(one))
    assert code == 0, complaints
    changed = {code for code, (action, _) in actions(rows).items() if action == "updated"}
    assert changed == {"_button", "verification", "password_reset", "order_confirmation", "receipt", "alert"}
    code, rows, _ = await angarium(system, "push", str(one))
    assert {action for action, _ in actions(rows).values()} == {"unchanged"}

    address = new_email()
    await system.deliver(
        recipient={"email": address}, template_code="order_confirmation", variables=EXAMPLES["order_confirmation"]
    )
    [mail] = system.sink.mails_to(address)
    html = mail.get_body(("html",))
    assert html is not None
    assert "See your order!" in html.get_content()


async def test_the_json_of_a_webhook_is_a_separate_file(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "one" / new_name("files")
    (folder / "fr").mkdir(parents=True)
    (folder / "template.yaml").write_text("name: Hook\nchannel: webhook\n")
    (folder / "webhook.json").write_text('{"name": {{ name | json }}}\n')
    (folder / "fr" / "webhook.json").write_text('{"nom": {{ name | json }}}\n')
    code, rows, complaints = await angarium(system, "push", str(folder.parent))
    assert code == 0, complaints
    assert actions(rows) == {folder.name: ("created", 1)}
    code, rows, _ = await angarium(system, "push", str(folder.parent))
    assert actions(rows) == {folder.name: ("unchanged", 1)}
    code, _, complaints = await angarium(system, "pull", str(tmp_path / "two"), folder.name)
    assert code == 0, complaints
    pulled = files_of(tmp_path / "two" / folder.name)
    assert {name: pulled.pop(name) for name in ("webhook.json", "fr/webhook.json")} == {
        "webhook.json": b'{"name": {{ name | json }}}\n',
        "fr/webhook.json": b'{"nom": {{ name | json }}}\n',
    }
    assert set(pulled) == {"template.yaml"}

    (folder / "webhook.json").write_text('{\n  "name": \n}\n')
    code, rows, _ = await angarium(system, "lint", str(folder.parent))
    assert code == 1
    assert [(row["file"], row["line"], row["column"]) for row in rows] == [(f"{folder.name}/webhook.json", 3, 1)]


async def test_invalid_files_are_named_and_nothing_is_pushed(system: System, tmp_path: Path) -> None:
    folder = tmp_path / "broken_files"
    (folder / "fr").mkdir(parents=True)
    (folder / "template.yaml").write_text("name: Broken\nsubject: '{{ a'\n")
    (folder / "content.html").write_text("<p>\n {{ a | nope }}</p>\n")
    (folder / "fr" / "content.html").write_text("{% render '_nowhere' %}\n")
    for verb in ("lint", "push"):
        code, faults, complaints = await angarium(system, verb, str(tmp_path))
        assert (code, "3 errors" in complaints) == (1, True)
        assert [(f["file"], f["line"], f["column"]) for f in faults] == [
            ("broken_files/template.yaml", None, None),
            ("broken_files/content.html", 2, 9),
            ("broken_files/fr/content.html", 1, 1),
        ]
    assert (await system.client.get("/api/v1/templates/broken_files")).status_code == 404
