"""Unit tests are where the code that they test is: `tests/unit/a/test_b.py` tests something of `angarium/a`."""

import ast
from collections.abc import Iterator
from pathlib import Path

UNIT = Path(__file__).parent
SOURCE = UNIT.parents[1] / "src/angarium"
ELSEWHERE = {
    "benchmarks": "tests the folder `benchmarks`, which is no part of the package",
    "cli/test_refused_starts.py": "starts the command as a process",
}
"""Tests that import nothing of the package beside which they are, with the reason."""
THROUGH = {"tests.support.virtual_engine": "angarium.delivery", "tests.support.delivering": "angarium.delivery"}
"""Modules of support that run a package."""


def misplaced(path: Path, unit: Path, source: Path) -> str | None:
    """What is wrong with the place of a test file, if anything is.

    A test file has the name of a module or package, and then it is in the same folder. Or it has the name of a
    behaviour, and then it uses the package it is in: by an import of its own, or one of a conftest.py on the way. In
    a service or a channel any part of it will do: its app serves the resources, its kit opens the providers.
    """
    folder, name = path.parent.relative_to(unit), path.stem.removeprefix("test_")
    package = source / folder
    if not package.is_dir():
        return f"there is no package {folder}"
    if _is_module(package, name):
        return None
    deeper = sorted(found for found in package.rglob(f"{name}.py") if found.parent != package)
    if deeper:
        return f"belongs to {deeper[0].parent.relative_to(source)}"
    parts = folder.parts[:2] if folder.parts[0] in {"services", "channels"} else folder.parts
    dotted = ".".join(("angarium", *parts))
    if any(f"{module}.".startswith(f"{dotted}.") for module in _used(path, unit)):
        return None
    return f"uses nothing of {dotted}"


def _is_module(package: Path, name: str) -> bool:
    return (package / f"{name}.py").is_file() or (package / name / "__init__.py").is_file()


def _used(path: Path, unit: Path) -> Iterator[str]:
    """The modules that a test, or a conftest.py whose fixtures it may use, imports from."""
    folders = [folder for folder in path.parents if folder.is_relative_to(unit)]
    for file in (path, *(folder / "conftest.py" for folder in folders)):
        tree = ast.parse(file.read_text(encoding="utf-8")) if file.is_file() else ast.Module([], [])
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                yield from (imported.name for imported in node.names)
            if isinstance(node, ast.ImportFrom) and node.module:
                yield THROUGH.get(node.module, node.module)
                yield from (f"{node.module}.{imported.name}" for imported in node.names)


def test_each_test_is_beside_what_it_tests() -> None:
    found = {
        str(path.relative_to(UNIT)): fault
        for path in sorted(UNIT.glob("*/**/test_*.py"))
        if not any(path.is_relative_to(UNIT / listed) for listed in ELSEWHERE)
        and (fault := misplaced(path, UNIT, SOURCE))
    }
    assert found == {}


def test_only_tests_that_need_a_reason_have_one() -> None:
    needless = [
        listed
        for listed in ELSEWHERE
        if not (files := sorted((UNIT / listed).rglob("test_*.py")) or [UNIT / listed])
        or not all(file.is_file() and misplaced(file, UNIT, SOURCE) for file in files)
    ]
    assert needless == []


def test_a_misplaced_test_is_found(tmp_path: Path) -> None:
    unit, source = tmp_path / "tests", tmp_path / "src"
    files = {
        source / "a/__init__.py": "",
        source / "a/b/deep.py": "",
        source / "a/near.py": "",
        source / "services/s/resource/routes.py": "",
        unit / "a/test_near.py": "",
        unit / "a/test_deep.py": "from angarium.a.b.deep import x",
        unit / "a/test_behaviour.py": "from angarium.a.near import x",
        unit / "a/test_stranger.py": "from angarium.ab import x",
        unit / "c/test_near.py": "from angarium.a.near import x",
        unit / "services/s/conftest.py": "from angarium.services.s.app import x",
        unit / "services/s/resource/test_behaviour.py": "import json",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert {str(path.relative_to(unit)): misplaced(path, unit, source) for path in sorted(unit.rglob("test_*.py"))} == {
        "a/test_behaviour.py": None,
        "a/test_deep.py": "belongs to a/b",
        "a/test_near.py": None,
        "a/test_stranger.py": "uses nothing of angarium.a",
        "c/test_near.py": "there is no package c",
        "services/s/resource/test_behaviour.py": None,
    }
