"""Lenient comparisons in conditions, and lenient bounds of loops, which never raise.

The engine aborts the rendering for `"2" > 1`; Liquid's reference implementation continues. Forms and CSV files provide
numbers as text, so numeric text is compared as a number. Values that cannot be compared are false. A `limit` or
`offset` that is not a number does not bound a loop.
"""

from collections.abc import Iterator, Mapping

from liquid.builtin.expressions.logical import (
    ContainsExpression,
    GeExpression,
    GtExpression,
    LeExpression,
    LtExpression,
)
from liquid.builtin.expressions.loop import LoopExpression
from liquid.context import RenderContext
from liquid.exceptions import LiquidTypeError
from liquid.expression import Expression
from liquid.token import Token

_LESS, _AT_MOST = frozenset({-1}), frozenset({-1, 0})
_MORE, _AT_LEAST = frozenset({1}), frozenset({0, 1})


class _Lt(LtExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return _order(self.left.evaluate(context), self.right.evaluate(context)) in _LESS


class _Gt(GtExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return _order(self.left.evaluate(context), self.right.evaluate(context)) in _MORE


class _Le(LeExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return _order(self.left.evaluate(context), self.right.evaluate(context)) in _AT_MOST


class _Ge(GeExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        return _order(self.left.evaluate(context), self.right.evaluate(context)) in _AT_LEAST


class _Contains(ContainsExpression):
    __slots__ = ()

    def evaluate(self, context: RenderContext) -> object:
        try:
            return super().evaluate(context)
        except (LiquidTypeError, TypeError):
            return False


class _Loop(LoopExpression):
    __slots__ = ()

    def _to_int(self, obj: object, *, token: Token) -> int | None:  # type: ignore[override]  # the engine takes None as absent
        try:
            return max(super()._to_int(obj, token=token), 0)
        except (LiquidTypeError, TypeError, ValueError, OverflowError):
            return None

    def _slice(
        self,
        it: Iterator[object],
        length: int,
        context: RenderContext,
        *,
        limit: int | None,
        offset: int | str | None,
    ) -> tuple[Iterator[object], int]:
        if limit == 0:  # the engine does not bound the loop
            return iter(()), 0
        return super()._slice(it, length, context, limit=limit, offset=offset)


_LENIENT: Mapping[type[Expression], type[Expression]] = {
    LtExpression: _Lt,
    GtExpression: _Gt,
    LeExpression: _Le,
    GeExpression: _Ge,
    ContainsExpression: _Contains,
    LoopExpression: _Loop,
}


def make_lenient(expression: Expression) -> None:
    """Make `expression` lenient if it is a comparison or a loop; nested expressions are not changed."""
    lenient = _LENIENT.get(type(expression))
    if lenient is not None:
        expression.__class__ = lenient  # the parser makes the engine's own; theirs and ours have the same slots


def _order(left: object, right: object) -> int | None:
    """-1, 0 or 1: `left` is less, the same, more. None: not comparable."""
    if isinstance(left, str) and isinstance(right, str):
        return (left > right) - (left < right)
    one, other = _number(left), _number(right)
    return None if one is None or other is None else (one > other) - (one < other)


def _number(value: object) -> float | None:
    match value:
        case bool():
            return None
        case int() | float():
            return value
        case str():
            return _read(value)
        case _:
            return None


def _read(text: str) -> float | None:
    try:
        return int(text) if text.strip().lstrip("+-").isdecimal() else float(text)
    except ValueError:
        return None
