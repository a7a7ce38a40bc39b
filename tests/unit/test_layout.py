"""Services have one grammar: a folder for each resource, the same file names, one form of route, SQL in stores."""

import ast
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/angarium"
SERVICES = ("gateway", "users", "templates")
GRAMMAR = {"routes", "use_cases", "store", "schema", "views"}
"""What files of a resource are called; others are declared in ARCHITECTURE.md."""
AROUND = {"app", "process", "settings", "schema"}
"""Files beside the resources of a service; others are declared there, too."""
NO_RESOURCE = {"migrations", "starters"}
WITH_SQL = {"store", "schema", "rows", "documents", "endpoints", "looking"}
"""Names of modules that may build SQL."""
FRAME_ONLY = ("app.state", "user_middleware", "router.routes")
"""What only the frame reads."""
AROUND_FRAME = {text.rpartition(".")[2] for text in FRAME_ONLY}
STORE = "notifications/store/"
RAW_SQL = re.compile(r"\b(?:FROM|INTO|UPDATE|JOIN)\s+notifications\b(?!\.)", re.IGNORECASE)


def _modules(folder: str, holding: str = "") -> Mapping[str, ast.Module]:
    """The modules below a folder by their paths, but for migrations; with `holding`, those whose text has it."""
    return {
        str(path.relative_to(SOURCE)): ast.parse(text)
        for path in sorted((SOURCE / folder).rglob("*.py"))
        if "migrations" not in path.parts and holding in (text := path.read_text(encoding="utf-8"))
    }


def _declared() -> Mapping[str, set[str]]:
    """The resources of ARCHITECTURE.md with the files that only they have; `gateway` itself is what is beside them."""
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").partition("## Services")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `([a-z0-9_/]+)` \|[^|\n]*\|([^|\n]*)\|$", text, flags=re.MULTILINE)
    return {name: set(re.findall(r"`(\w+)`", files)) for name, files in rows}


def _found() -> Mapping[str, set[str]]:
    """As `_declared`, from the source."""
    found: dict[str, set[str]] = {}
    for service in SERVICES:
        folder = SOURCE / "services" / service
        beside = _names(folder) - AROUND
        found |= {service: beside} if beside else {}
        for child in (path.parent for path in folder.rglob("__init__.py")):
            if child != folder and NO_RESOURCE.isdisjoint(child.relative_to(folder).parts):
                found[f"{service}/{child.relative_to(folder)}"] = _names(child) - GRAMMAR
    return found


def _names(folder: Path) -> set[str]:
    return {path.stem for path in folder.glob("*.py")} - {"__init__"}


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    """Calls of a function or method of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and name in {getattr(node.func, "attr", None), getattr(node.func, "id", None)}:
            yield node


def _is_route(function: ast.AST) -> bool:
    """Whether a router's decorator adds a function."""
    decorators = getattr(function, "decorator_list", [])
    calls = [decorator.func for decorator in decorators if isinstance(decorator, ast.Call)]
    return any(isinstance(call, ast.Attribute) and ast.unparse(call.value) == "router" for call in calls)


def faults_of_routes(tree: ast.Module) -> list[str]:
    """What is against the one form of route in a `routes.py`."""
    faults = []
    public = [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    made = [node for node in public if node.returns is not None and ast.unparse(node.returns) == "APIRouter"]
    if [node.name for node in made] != ["routes"]:
        faults.append("has no function `routes` that returns the one APIRouter")
    faults += [f"{node.name} is decorated outside of a function" for node in tree.body if _is_route(node)]  # type: ignore[attr-defined]  # a function, since it is decorated as a route
    if not any(_is_route(node) for node in ast.walk(tree)):
        faults.append("has no decorated route")
    return faults


def faults_of_wiring(tree: ast.Module, name: str) -> list[str]:
    """What only the frame may do, and what goes around the injection of use cases."""
    faults = [f"{call} is called" for call in ("add_api_route", "add_middleware") if any(_calls(tree, call))]
    attributes = (node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and node.attr in AROUND_FRAME)
    read = {text for node in attributes if (text := ast.unparse(node)).endswith(FRAME_ONLY)}
    faults += [f"{text} is read" for text in sorted(read)]
    if name != "routes" and any(_calls(tree, "APIRouter")):
        faults.append("makes an APIRouter outside of routes.py")
    return faults


def faults_of_sql(tree: ast.Module, name: str) -> list[str]:
    """Where SQL is built that belongs into a store."""
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return ["builds SQL"] if name not in WITH_SQL and "sqlalchemy" in imported else []


def faults_of_the_record(tree: ast.Module) -> list[str]:
    """Where the table `notifications` is used by its description or by its name."""
    faults = [
        "imports the table"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "angarium.notifications.store.schema"
        if "notifications" in {alias.name for alias in node.names}
    ]
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return faults + ["names the table in SQL" for text in texts if RAW_SQL.search(text)]


def test_every_resource_has_the_files_of_the_grammar_and_those_that_are_declared() -> None:
    assert _found() == _declared()


@pytest.mark.parametrize("service", SERVICES)
def test_every_resource_says_what_it_is(service: str) -> None:
    silent = [
        path.parent.name
        for path in (SOURCE / "services" / service).glob("*/__init__.py")
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert silent == []


def test_routes_have_one_form() -> None:
    modules = {path: tree for path, tree in _modules("services").items() if path.endswith("/routes.py")}
    assert len(modules) > len(SERVICES)
    assert {path: faults for path, tree in modules.items() if (faults := faults_of_routes(tree))} == {}


def test_use_cases_are_injected_and_the_frame_alone_adds_middleware() -> None:
    modules = _modules("services")
    faults = {path: faults_of_wiring(tree, Path(path).stem) for path, tree in modules.items()}
    assert {path: found for path, found in faults.items() if found} == {}


def test_sql_of_services_is_in_stores() -> None:
    modules = _modules("services", "sqlalchemy")
    faults = {path: faults_of_sql(tree, Path(path).stem) for path, tree in modules.items()}
    assert {path: found for path, found in faults.items() if found} == {}


def test_only_the_store_touches_notifications() -> None:
    modules = _modules(".", "notifications")
    touching = {path for path, tree in modules.items() if faults_of_the_record(tree)}
    assert touching
    assert [path for path in sorted(touching) if not path.startswith(STORE)] == []


_INJECTED = """
def routes(keys: Keys) -> APIRouter:
    router = APIRouter()

    @router.get("")
    async def list_keys() -> None: ...

    return router
"""


def test_the_one_form_has_no_faults() -> None:
    tree = ast.parse(_INJECTED)
    assert faults_of_routes(tree) + faults_of_wiring(tree, "routes") == []


@pytest.mark.parametrize(
    "source",
    [
        _INJECTED.replace("def routes(", "def keys_router("),
        _INJECTED + "\n\ndef more(keys: Keys) -> APIRouter: ...",
        "router = APIRouter()\n\n@router.get('')\nasync def list_keys() -> None: ...\n\n" + _INJECTED,
        "class KeyRoutes:\n    def router(self) -> APIRouter: ...",
    ],
)
def test_another_form_of_route_is_a_fault(source: str) -> None:
    assert faults_of_routes(ast.parse(source))


@pytest.mark.parametrize(
    "source",
    [
        "router.add_api_route('/', show)",
        "app.add_middleware(Meter)",
        "app.user_middleware.append(Middleware(Meter))",
        "app.router.routes.extend(more)",
        "keys = request.app.state.keys",
        "router = APIRouter()",
    ],
)
def test_wiring_around_the_frame_is_a_fault(source: str) -> None:
    assert faults_of_wiring(ast.parse(source), "use_cases")


@pytest.mark.parametrize(
    "source",
    [
        "from angarium.notifications.store.schema import callbacks, notifications",
        "SQL = 'SELECT id FROM notifications WHERE tenant = $1'",
        "SQL = 'UPDATE notifications SET status = $1'",
    ],
)
def test_sql_over_notifications_is_seen(source: str) -> None:
    assert faults_of_the_record(ast.parse(source))
    assert faults_of_sql(ast.parse("from sqlalchemy import select"), "use_cases")
