"""The text value of a JSON object's member, as an SQL expression on every database."""

from typing import Any

from sqlalchemy import ColumnElement, Text, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import GenericFunction


class json_text(GenericFunction[str]):  # noqa: N801 - an SQL function
    """`json_text(column, "name")`: the string at the top-level `name`; NULL if it is null or absent.

    `name` must come from code, never from a request.
    """

    type = Text()
    inherit_cache = True

    def __init__(self, document: ColumnElement[str], name: str) -> None:
        if not name.isidentifier():
            message = f"{name!r} is not an identifier"
            raise ValueError(message)
        super().__init__(document, literal_column(name))  # a literal column, so that the statement cache knows it


@compiles(json_text)
def _standard(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    document, name = _arguments(element, compiler, **options)
    return f"JSON_VALUE({document}, '$.{name}')"


@compiles(json_text, "sqlite")
def _sqlite(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    document, name = _arguments(element, compiler, **options)
    return f"json_extract({document}, '$.{name}')"


@compiles(json_text, "postgresql")
def _postgresql(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    document, name = _arguments(element, compiler, **options)
    # ->> fails at a \u0000 anywhere in the document. A space in its place keeps the document valid, escaped or not.
    return f"(CAST(replace({document}, '\\u0000', '\\u0020') AS json) ->> '{name}')"


def _arguments(element: Any, compiler: SQLCompiler, **options: Any) -> tuple[str, str]:
    document, name = element.clauses
    return compiler.process(document, **options), compiler.process(name, **options)
