"""The folder written for a template depends on the template only."""

from pathlib import Path
from typing import Any

import pytest

from angarium.cli.template_checks import check_all, read_all
from angarium.cli.template_files import UnreadableFiles, read_template, write_template

VIEW: dict[str, Any] = {
    "code": "welcome",
    "name": "Welcome",
    "description": "",
    "channel": "email",
    "language": "en",
    "category": None,
    "delivery_policy": "at_least_once",
    "retry_delays": ["5s"],
    "required_variables": ["name"],
    "defaults": {"a": 1},
    "subject": "Hello {{ name }}",
    "content": "<p>Hé</p>\r\n",
    "html": None,
    "text": "  two\n lines\n\n",
    "translations": {"no": {"subject": "Hei", "content": "plain"}},
}


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    folder = write_template(tmp_path, VIEW)
    names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert names == {"template.yaml", "content.html", "text.txt", "no/content.txt"}
    body = read_template(folder)
    for part in ("code", "subject", "content", "text"):
        assert getattr(body, part) == VIEW[part]
    assert body.translations["no"].model_dump(exclude_none=True) == VIEW["translations"]["no"]
    assert (body.retry_delays, body.defaults, body.required_variables) == (["5s"], {"a": 1}, ["name"])


def test_parts_that_are_gone_are_removed_and_nothing_else(tmp_path: Path) -> None:
    folder = write_template(tmp_path, VIEW)
    (folder / "README").write_text("mine")
    write_template(tmp_path, {**VIEW, "text": None, "translations": {}, "content": "plain"})
    names = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert names == {"template.yaml", "content.txt", "README"}


def test_a_code_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a valid folder name"):
        write_template(tmp_path, {**VIEW, "code": ".."})


@pytest.mark.parametrize(
    ("text", "message", "line"),
    [
        ("name: [", "not valid YAML", 1),
        ("- a", "must be a mapping of names to values", None),
        ("translations:\n  no:\n    subject: x\n", "the key False is not a string: put it in quotes", None),
        ("nmae: x", "Extra inputs are not permitted", None),
        ("subject: 1", "valid string", None),
    ],
)
def test_a_faulty_description_says_what_is_wrong(tmp_path: Path, text: str, message: str, line: int | None) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "template.yaml").write_text(text)
    (folder / "text.txt").write_text("x\n")
    with pytest.raises(UnreadableFiles) as caught:
        read_template(folder)
    assert message in caught.value.problems[0].message
    assert (caught.value.problems[0].file, caught.value.problems[0].line) == ("a/template.yaml", line)


def test_those_come_first_that_others_need(tmp_path: Path) -> None:
    for code, text in {"a": "{% render 'z' %}", "z": "{% render 'm' %}", "m": "x", "b": "y"}.items():
        (tmp_path / code).mkdir()
        (tmp_path / code / "template.yaml").write_text("{}")
        (tmp_path / code / "text.txt").write_text(text)
    bodies, problems = read_all(tmp_path)
    assert (list(bodies), problems) == (["m", "z", "a", "b"], [])
    checked, faults = check_all(bodies, {})
    assert (checked["a"].source.includes, faults) == ({"z": 0, "m": 0}, [])
