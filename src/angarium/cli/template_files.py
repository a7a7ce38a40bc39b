"""Templates as files, for use with git. Each template is a folder named after its code.

`order_confirmation/template.yaml` has the properties (name, channel, category, defaults, …) and the parts of one line:
subject, title, image, link. The other parts are files in the same folder: `email.mjml`, `email.html` (html),
`text.txt`, `push.txt` (body), `webhook.json` (json), `content.html` or `content.txt`. Translations are in subfolders
named after the language: `fr/text.txt`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from angarium.contracts.templates import PARTS, TemplateCreate

DESCRIPTION = "template.yaml"
FILES = {
    "content": "content.html",
    "html": "email.html",
    "mjml": "email.mjml",
    "text": "text.txt",
    "body": "push.txt",
    "json": "webhook.json",
}
"""Parts that have their own file. The others are fields of `template.yaml`."""
PLAIN_CONTENT = "content.txt"
"""The file of the part `content` if it is not HTML, such as the text of an SMS."""
_PROPERTIES = (
    "name",
    "description",
    "channel",
    "language",
    "category",
    "delivery_policy",
    "retry_delays",
    "required_variables",
    "defaults",
)
_DEFAULTS: Mapping[str, Any] = {
    "description": "",
    "category": None,
    "delivery_policy": "at_least_once",
    "retry_delays": None,
    "defaults": {},
}
"""Values of properties that are left out of `template.yaml`."""


@dataclass(frozen=True, slots=True)
class FileProblem:
    """An error in a template file. `line` and `column` count from 1."""

    code: str
    file: str
    field: str
    message: str
    line: int | None = None
    column: int | None = None

    def __str__(self) -> str:
        place = "" if self.line is None else f":{self.line}:{self.column}"
        return f"{self.file}{place}: {self.field}: {self.message}"


class UnreadableFiles(Exception):
    """A folder without a valid template. The message lists all `problems`."""

    def __init__(self, problems: list[FileProblem]) -> None:
        self.problems = problems
        super().__init__("; ".join(map(str, problems)))


def folders(root: Traversable) -> Iterator[Traversable]:
    """The folders below `root` that contain a template, sorted by name."""
    for folder in sorted(root.iterdir(), key=lambda entry: entry.name):
        if folder.is_dir() and folder.joinpath(DESCRIPTION).is_file():
            yield folder


def read_template(folder: Traversable) -> TemplateCreate:
    """Read the template in `folder`. Raises UnreadableFiles."""
    described = _described(folder)
    translations = described.pop("translations", None) or {}
    for locale, parts in _translated(folder):
        translations[locale] = {**(translations.get(locale) or {}), **parts}
    body = {**described, **_parts(folder), "code": folder.name, "translations": translations}
    try:
        return TemplateCreate.model_validate(body)
    except ValidationError as error:
        problems = [_problem(folder.name, _field(e["loc"]), str(e["msg"]), folder) for e in error.errors()]
        raise UnreadableFiles(problems) from error


def write_template(root: Path, view: Mapping[str, Any]) -> Path:
    """Write a template, as the API returns it, below `root` and return its folder.

    Deletes the files of parts that the template no longer has. Raises ValueError for a code that is not a valid folder
    name.
    """
    folder = root / str(view["code"])
    if folder.resolve().parent != root.resolve():
        message = f"{view['code']} is not a valid folder name"
        raise ValueError(message)
    translations: Mapping[str, Mapping[str, str]] = view["translations"]
    described = {name: view[name] for name in _PROPERTIES if view[name] != _DEFAULTS.get(name, ...)}
    described |= _short(view)
    short = {locale: _short(parts) for locale, parts in sorted(translations.items())}
    if any(short.values()):
        described["translations"] = {locale: parts for locale, parts in short.items() if parts}
    folder.mkdir(parents=True, exist_ok=True)
    text = yaml.safe_dump(described, sort_keys=False, allow_unicode=True, width=100)
    _write(folder / DESCRIPTION, text)
    _write_parts(folder, view)
    for locale in {entry.name for entry in folder.iterdir() if entry.is_dir()} | set(translations):
        _write_parts(folder / locale, translations.get(locale, {}))
    return folder


def file_of(code: str, field: str) -> str:
    """The file that defines a field of a template, relative to the root: `CODE/fr/text.txt`."""
    *locale, part = field.removeprefix("translations.").split(".") if field.startswith("translations.") else [field]
    if part not in FILES:
        return f"{code}/{DESCRIPTION}"
    return "/".join((code, *locale, FILES[part]))


def _described(folder: Traversable) -> dict[str, Any]:
    source = folder.joinpath(DESCRIPTION).read_text(encoding="utf-8")
    try:
        described = yaml.safe_load(source)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
        message = f"not valid YAML: {getattr(error, 'problem', None) or error}"
        name = f"{folder.name}/{DESCRIPTION}"
        raise UnreadableFiles([FileProblem(folder.name, name, DESCRIPTION, message, line, column)]) from error
    translations = described.get("translations") if isinstance(described, dict) else None
    if not isinstance(described, dict) or not isinstance(translations or {}, dict):
        raise UnreadableFiles([_problem(folder.name, DESCRIPTION, "must be a mapping of names to values", folder)])
    if wrong := [key for key in (*described, *(translations or {})) if not isinstance(key, str)]:
        message = f"the key {wrong[0]} is not a string: put it in quotes"
        raise UnreadableFiles([_problem(folder.name, DESCRIPTION, message, folder)])
    return described


def _parts(folder: Traversable) -> dict[str, str]:
    plain = folder.joinpath(PLAIN_CONTENT)
    parts = {"content": _read(plain)} if plain.is_file() else {}
    return parts | {p: _read(folder.joinpath(name)) for p, name in FILES.items() if folder.joinpath(name).is_file()}


def _translated(folder: Traversable) -> Iterator[tuple[str, dict[str, str]]]:
    for entry in sorted(folder.iterdir(), key=lambda found: found.name):
        if entry.is_dir() and (parts := _parts(entry)):
            yield entry.name, parts


def _read(file: Traversable) -> str:
    """Read a part without the final newline, which `_write_parts` adds."""
    return file.read_bytes().decode("utf-8", "replace").removesuffix("\n")


def _write(file: Path, text: str) -> None:
    file.write_bytes(text.encode())


def _write_parts(folder: Path, parts: Mapping[str, Any]) -> None:
    named = {name: parts.get(part) for part, name in FILES.items()}
    if "<" not in (named[FILES["content"]] or "<"):
        named[PLAIN_CONTENT] = named.pop(FILES["content"])
    for name in (*FILES.values(), PLAIN_CONTENT):
        if named.get(name) is not None:
            folder.mkdir(exist_ok=True)
            _write(folder / name, f"{named[name]}\n")
        else:
            (folder / name).unlink(missing_ok=True)
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _short(parts: Mapping[str, Any]) -> dict[str, str]:
    """The parts that are fields of `template.yaml`."""
    short = [part for part in PARTS if part not in FILES]
    return {part: parts[part] for part in short if parts.get(part) is not None}


def _field(path: tuple[int | str, ...]) -> str:
    return ".".join(map(str, path))


def _problem(code: str, field: str, message: str, folder: Traversable) -> FileProblem:
    return FileProblem(code, file_of(folder.name, field), field, message)
