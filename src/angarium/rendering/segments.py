"""The fast path: a source of literals and plain outputs is split once and joined for each send.

Gives the same result as the full engine for every JSON value, which a property test checks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from liquid import BoundTemplate
from liquid.builtin.content import ContentNode
from liquid.builtin.expressions import FilteredExpression, Path, StringLiteral
from liquid.builtin.output import OutputNode
from liquid.exceptions import LiquidError
from liquid.stringify import to_liquid_string
from markupsafe import Markup, escape

from angarium.rendering.filters import bound_filter
from angarium.rendering.liquid import SafeEnvironment
from angarium.rendering.problems import RenderFailed
from angarium.rendering.readable import readable

_SIMPLE_FILTERS = frozenset({"escape", "upcase", "downcase", "capitalize", "strip", "default"})
_PROPERTIES = frozenset({"size", "first", "last"})  # the engine's own of any list or string
_MOST_BYTES_OF_CHARACTER = 4

Call = Callable[[object], object]


@dataclass(frozen=True, slots=True)
class Output:
    """One `{{ path | filter }}`."""

    root: str
    rest: tuple[str, ...]
    calls: tuple[Call, ...]


@dataclass(frozen=True, slots=True)
class Segments:
    """A source as text and outputs in order."""

    pieces: tuple[str | Output, ...]
    html: bool
    most_bytes: int

    def render(self, variables: Mapping[str, object], part: str) -> str:
        """Render the text. Raises RenderFailed if it is too large or a filter refuses its value."""
        made: list[str] = []
        room = self.most_bytes
        for piece in self.pieces:
            text = piece if isinstance(piece, str) else self._text(piece, variables, part)
            room -= len(text)
            if room < 0:
                raise _too_large(part)
            made.append(text)
        whole = "".join(made)
        if len(whole) * _MOST_BYTES_OF_CHARACTER > self.most_bytes and len(whole.encode()) > self.most_bytes:
            raise _too_large(part)
        return whole

    def _text(self, output: Output, variables: Mapping[str, object], part: str) -> str:
        value = variables.get(output.root)
        for name in output.rest:
            value = value.get(name) if isinstance(value, dict) else None
        if output.calls:
            value = _applied(output.calls, value, part)
        if type(value) is str:
            return escape(value) if self.html else value
        return to_liquid_string(readable(value), self.html)


def split(template: BoundTemplate) -> Segments | None:
    """Split a parsed source into segments; None if it needs the full engine."""
    environment = template.env
    if not isinstance(environment, SafeEnvironment):
        return None
    pieces: list[str | Output] = []
    for node in template.nodes:
        piece = node.text if isinstance(node, ContentNode) else _output(node, environment)
        if piece is None:
            return None
        pieces.append(piece)
    return Segments(tuple(pieces), environment.autoescape, environment.limits.output_bytes)


def _output(node: object, environment: SafeEnvironment) -> Output | None:
    if not isinstance(node, OutputNode) or not isinstance(node.expression, FilteredExpression):
        return None
    left = node.expression.left
    if not isinstance(left, Path) or not all(isinstance(name, str) and name not in _PROPERTIES for name in left.path):
        return None
    calls = [_call(used, environment) for used in node.expression.filters or ()]
    if None in calls:
        return None
    root, *rest = (str(name) for name in left.path)
    return Output(root, tuple(rest), tuple(call for call in calls if call is not None))


def _call(used: Any, environment: SafeEnvironment) -> Call | None:
    if used.name not in _SIMPLE_FILTERS:
        return None
    if not used.args:
        return bound_filter(environment, used.name)
    literals = [argument.value for argument in used.args]
    if used.name != "default" or len(literals) != 1 or not isinstance(literals[0], StringLiteral):
        return None
    given = Markup(literals[0].value) if environment.autoescape else literals[0].value  # noqa: S704 - the author's own text
    return partial(_default, bound_filter(environment, "default"), given)


def _default(original: Callable[..., object], given: str, value: object) -> object:
    return original(value, given)


def _applied(calls: tuple[Call, ...], value: object, part: str) -> object:
    try:
        for call in calls:
            value = call(value)
    except LiquidError as error:
        raise RenderFailed(part, str(error.message)) from error
    return value


def _too_large(part: str) -> RenderFailed:
    return RenderFailed(part, "output stream limit reached")
