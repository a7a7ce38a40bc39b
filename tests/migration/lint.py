"""Finds what in a migration would stop the writers of a large table.

A table that the migration creates itself is empty, so anything may be done to it. For other tables these are refused:

- an index that is not made concurrently: use `online.add_index`;
- a constraint that is checked at once, a column that may not be null and has no default, a new type of a column:
  PostgreSQL reads or writes the whole table under a lock;
- a statement that fills, changes or deletes the rows of a whole table, above all after the creation of a trigger,
  whose lock lasts until the end of the transaction: use `online.fill`;
- LOCK TABLE, CLUSTER, VACUUM FULL, and REINDEX without CONCURRENTLY.
"""

import ast
import re
from collections.abc import Iterator

_SPACE = re.compile(r"\s+")
_INDEX = re.compile(r"\bCREATE (?:UNIQUE )?INDEX (?!CONCURRENTLY\b).*? ON (?:ONLY )?\"?(\w+)", re.IGNORECASE)
_WHOLE = re.compile(r"\b(LOCK TABLE|CLUSTER|VACUUM FULL|REINDEX (?!.*CONCURRENTLY))", re.IGNORECASE)
_CONSTRAINT = re.compile(
    r"\bALTER TABLE \"?(\w+)\"? .*\bADD (?:CONSTRAINT|CHECK|FOREIGN|UNIQUE)\b(?!.*NOT VALID)", re.IGNORECASE
)
_TYPE = re.compile(r"\bALTER TABLE \"?(\w+)\"? .*\b(?:SET NOT NULL|TYPE )", re.IGNORECASE)
_CHANGE = re.compile(
    r"^(?:UPDATE \"?(\w+)|DELETE FROM \"?(\w+)|INSERT INTO .*\bSELECT\b.*\bFROM \(?\s*(?:SELECT .*? FROM )?\"?(\w+))",
    re.IGNORECASE,
)
_IN_PIECES = (":after", ":last")
_CONSTRAINTS = frozenset(
    {"create_foreign_key", "create_unique_constraint", "create_check_constraint", "create_primary_key"}
)


def problems(source: str) -> list[str]:
    """What is wrong with the migration `source`, a line for each."""
    tree = ast.parse(source)
    made = {_text(call.args[0]) for call in _calls(tree, "create_table") if call.args}
    found = [*_of_calls(tree, made)]
    for sql in _statements(tree):
        found += _of_sql(sql, made)
    return found


def _of_calls(tree: ast.AST, made: set[str | None]) -> Iterator[str]:
    for call in _calls(tree, "create_index"):
        table = _argument(call, 1, "table_name")
        if table not in made:
            yield f"create_index on {table}: use online.add_index"
    for name in _CONSTRAINTS:
        for call in _calls(tree, name):
            table = _argument(call, 1, "source_table" if name == "create_foreign_key" else "table_name")
            if table not in made:
                yield f"{name} on {table}: it is checked at once, under a lock"
    for call in _calls(tree, "alter_column"):
        table = _argument(call, 0, "table_name")
        if table not in made and {"type_", "nullable"} & {word.arg for word in call.keywords}:
            yield f"alter_column of {table}: PostgreSQL reads or writes the whole table"
    for call in _calls(tree, "add_column"):
        table = _argument(call, 0, "table_name")
        column = call.args[1] if len(call.args) > 1 else None
        if table not in made and isinstance(column, ast.Call) and not _may_be_added(column):
            yield f"add_column to {table}: it needs a server_default, or to be nullable"


def _of_sql(sql: str, made: set[str | None]) -> Iterator[str]:
    for rule, words in (
        (_INDEX, "index without CONCURRENTLY on {}"),
        (_CONSTRAINT, "constraint of {} without NOT VALID"),
        (_TYPE, "change of a column of {}: PostgreSQL reads or writes the whole table"),
    ):
        match = rule.search(sql)
        if match and match[1] not in made:
            yield words.format(match[1])
    change = _CHANGE.match(sql)
    table = next(filter(None, change.groups()), None) if change else None
    if table is not None and table not in made and not all(name in sql for name in _IN_PIECES):
        yield f"all rows of {table} in one statement: use online.fill"
    if match := _WHOLE.search(sql):
        yield f"{match[1].strip().upper()} stops every writer"


def _calls(tree: ast.AST, name: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name:
            yield node


def _argument(call: ast.Call, place: int, name: str) -> str | None:
    given = call.args[place] if len(call.args) > place else None
    named = next((word.value for word in call.keywords if word.arg == name), None)
    node = given or named
    return None if node is None else _text(node)


def _may_be_added(column: ast.Call) -> bool:
    words = {word.arg: word.value for word in column.keywords}
    nullable = words.get("nullable")
    required = isinstance(nullable, ast.Constant) and nullable.value is False
    return not required or "server_default" in words


def _statements(tree: ast.Module) -> Iterator[str]:
    """Every text of the file but its docstrings, with names where values are put in, on one line."""
    documents = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.FunctionDef) and node.body and isinstance(node.body[0], ast.Expr)
    }
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
    for node in ast.walk(tree):
        whole = isinstance(node, ast.JoinedStr) or id(node) not in parts | documents
        text = _text(node) if whole else None
        if text is not None:
            yield _SPACE.sub(" ", text).strip()


def _text(node: ast.AST) -> str | None:
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=values):
            return "".join(_text(value) or "x" for value in values)
        case _:
            return None
