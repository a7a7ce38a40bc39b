"""docs/fast-paths.md names every place where the code asks for FAST_PATHS, and nothing that is not there."""

import ast
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/angarium"
PAGE = (ROOT / "docs/fast-paths.md").read_text(encoding="utf-8")
NAMES = {"fast_paths", "_fast_paths", "fast"}
"""What the setting is called on its way: the parameter, what keeps it, and the settings' property."""
SETTINGS = "platform/settings/groups.py"
Tree = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@cache
def texts() -> Mapping[str, str]:
    """The text of every module by its path below the package."""
    paths = sorted(SOURCE.rglob("*.py"))
    return {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in paths}


@cache
def module_at(path: str) -> ast.Module:
    return ast.parse(texts()[path])


def modules(names: Collection[str]) -> Iterator[tuple[str, ast.Module]]:
    """The modules whose text has one of `names`. Parsing all of them takes seconds."""
    yield from ((path, module_at(path)) for path, text in texts().items() if any(name in text for name in names))


def table(heading: str) -> list[Sequence[str]]:
    """The rows of the table below a heading of the page."""
    section = PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in row] for row in rows[1:]]


def places(text: str) -> list[str]:
    """What `text` names as `file.py:name`."""
    return re.findall(r"`([\w/]+\.py:[\w.]+)`", text)


def functions(tree: Tree, prefix: str = "") -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """The functions and methods of a module, by qualified name."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from functions(node, f"{prefix}{node.name}.")
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{node.name}", node


def asks(function: ast.AST) -> bool:
    """Whether the setting decides something here; it is not asked where it is only kept or passed on."""
    passed = {id(node.value) for node in ast.walk(function) if isinstance(node, ast.keyword | ast.Assign)}
    return any(
        id(node) not in passed and isinstance(node.ctx, ast.Load) and _name(node) in NAMES
        for node in ast.walk(function)
        if isinstance(node, ast.Name | ast.Attribute)
    )


def _name(node: ast.AST) -> str:
    return str(getattr(node, "id", "") or getattr(node, "attr", ""))


def test_the_page_names_every_place_that_asks_and_no_other() -> None:
    asking = {
        f"{path}:{name}"
        for path, module in modules(NAMES)
        if path != SETTINGS
        for name, function in functions(module)
        if asks(function)
    }
    named = [place for row in table("Twins") for place in places(row[-1])]
    assert sorted(set(named)) == sorted(asking)
    assert len(named) == len(set(named))


def test_every_place_and_test_that_the_page_names_is_there() -> None:
    for place in places(PAGE):
        path, _, name = place.partition(":")
        assert path in texts(), place
        assert name in _defined(module_at(path)), place
    tests = re.findall(r"`(test_\w+\.py)`", PAGE)
    known = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    assert set(tests) <= known
    assert all("test_" in row[3] for row in table("Twins"))


def test_every_part_with_a_fast_path_receives_the_setting() -> None:
    """A composition that forgets the setting would run the fast form whatever is set."""
    told = set(_told())
    assert {"build_app", "make_logger", "Renderer", "ServiceClient", "GatewayParts"} <= told
    forgotten = [
        f"{path}:{node.lineno}"
        for path, module in modules(told)
        for node in _calls(module, told)
        if "fast_paths" not in {keyword.arg for keyword in node.keywords}
    ]
    assert forgotten == []


def _told() -> Iterator[str]:
    """The functions and classes that take the setting."""
    for _, module in modules({"fast_paths"}):
        for name, function in functions(module):
            if any(argument.arg == "fast_paths" for argument in function.args.kwonlyargs + function.args.args):
                yield name.removesuffix(".__init__").rpartition(".")[2]
        for node in module.body:
            fields = [field.target for field in ast.walk(node) if isinstance(field, ast.AnnAssign)]
            if isinstance(node, ast.ClassDef) and "fast_paths" in {_name(field) for field in fields}:
                yield node.name


def _calls(module: ast.Module, told: Collection[str]) -> Iterator[ast.Call]:
    """The calls of those, also under another name."""
    imported = [name for node in ast.walk(module) if isinstance(node, ast.ImportFrom) for name in node.names]
    aliases = {name.asname: name.name for name in imported if name.asname}
    calls = [node for node in ast.walk(module) if isinstance(node, ast.Call)]
    return (
        call for call in calls if isinstance(call.func, ast.Name) and aliases.get(call.func.id, call.func.id) in told
    )


def _defined(module: ast.Module) -> set[str]:
    """Functions, methods, classes and constants."""
    assigned = {
        target.id
        for node in module.body
        for target in (node.targets if isinstance(node, ast.Assign) else [])
        if isinstance(target, ast.Name)
    }
    classes = {node.name for node in module.body if isinstance(node, ast.ClassDef)}
    return {name for name, _ in functions(module)} | classes | assigned
