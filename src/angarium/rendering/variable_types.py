"""Infers the types of variables from their use in a template."""

from collections import defaultdict
from collections.abc import Set as AbstractSet
from typing import Literal

from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.expressions.logical import (
    EqExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
    NeExpression,
)
from liquid.builtin.expressions.loop import LoopExpression
from liquid.builtin.expressions.primitive import FalseLiteral, FloatLiteral, IntegerLiteral, TrueLiteral
from liquid.expression import Expression

VariableType = Literal["string", "number", "bool", "list", "object"]

_BY_FILTER: dict[str, VariableType] = {
    **dict.fromkeys(("abs", "at_least", "at_most", "ceil", "divided_by", "floor", "minus", "modulo"), "number"),
    **dict.fromkeys(("plus", "round", "times", "number", "currency", "percent"), "number"),
    **dict.fromkeys(("capitalize", "downcase", "upcase", "strip", "lstrip", "rstrip", "squish", "split"), "string"),
    **dict.fromkeys(("truncate", "truncatewords", "replace", "remove", "strip_html", "newline_to_br"), "string"),
    **dict.fromkeys(("append", "prepend", "date", "url_encode", "escapejs", "base64_encode"), "string"),
    **dict.fromkeys(("local_date", "local_time", "local_datetime"), "string"),
    **dict.fromkeys(("compact", "concat", "find", "has", "join", "map", "reject", "sort", "sort_natural"), "list"),
    **dict.fromkeys(("sum", "uniq", "where"), "list"),
}
_EQUAL = (EqExpression, NeExpression)
_ORDERED = (GeExpression, GtExpression, LeExpression, LtExpression)
_OF_ANY = frozenset(("size",))
_OF_LISTS = frozenset(("first", "last"))


class Evidence:
    """The uses of each variable."""

    def __init__(self) -> None:
        self._said: defaultdict[str, set[VariableType]] = defaultdict(set)
        self._shown: set[str] = set()
        self._tested: set[str] = set()

    def type_of(self, name: str) -> VariableType | None:
        """The type that all uses agree on; bool if it is only tested; None if unknown or contradictory."""
        said = self._said[name]
        if len(said) == 1:
            return next(iter(said))
        return "bool" if not said and name in self._tested and name not in self._shown else None

    def learn(self, expression: Expression, hidden: AbstractSet[str], *, tests: bool) -> None:
        """Learn from an expression; `hidden` names are local here."""
        if isinstance(expression, LoopExpression):
            self._say(expression.iterable, "list", hidden)
        elif isinstance(expression, FilteredExpression) and expression.filters:
            self._filtered(expression, hidden)
        elif isinstance(expression, (*_EQUAL, *_ORDERED)):
            self._compared(expression.left, expression.right, hidden)
            self._compared(expression.right, expression.left, hidden)
        elif isinstance(expression, Path):
            self._path(expression, hidden, tests=tests)
        compares = isinstance(expression, (*_EQUAL, *_ORDERED))
        for child in expression.children():
            self.learn(child, hidden, tests=tests and not compares)

    def _filtered(self, expression: FilteredExpression, hidden: AbstractSet[str]) -> None:
        told = _BY_FILTER.get((expression.filters or [])[0].name)
        if told is not None:
            self._say(expression.left, told, hidden)

    def _compared(self, one: Expression, other: Expression, hidden: AbstractSet[str]) -> None:
        if isinstance(other, (IntegerLiteral, FloatLiteral)):
            self._say(one, "number", hidden)
        elif isinstance(other, (TrueLiteral, FalseLiteral)):
            self._say(one, "bool", hidden)
        elif isinstance(other, StringLiteral):
            self._say(one, "string", hidden)

    def _path(self, path: Path, hidden: AbstractSet[str], *, tests: bool) -> None:
        name, *rest = path.path
        if not isinstance(name, str) or name in hidden:
            return
        (self._tested if tests else self._shown).add(name)
        first = rest[0] if rest else None
        if isinstance(first, int) or (isinstance(first, str) and first in _OF_LISTS):
            self._said[name].add("list")
        elif isinstance(first, str) and first not in _OF_ANY:
            self._said[name].add("object")

    def _say(self, expression: Expression, told: VariableType, hidden: AbstractSet[str]) -> None:
        if isinstance(expression, Path) and len(expression.path) == 1 and isinstance(expression.path[0], str):
            name = expression.path[0]
            if name not in hidden:
                self._said[name].add(told)
