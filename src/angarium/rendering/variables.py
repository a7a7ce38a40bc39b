"""Finds the variables of a template."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from liquid import BoundTemplate
from liquid.ast import ConditionalBlockNode, Node
from liquid.builtin.expressions import Path
from liquid.builtin.tags.case_tag import CaseNode, MultiExpressionBlockNode
from liquid.builtin.tags.if_tag import IfNode
from liquid.builtin.tags.unless_tag import UnlessNode
from liquid.context import RenderContext
from liquid.expression import Expression

from angarium.rendering.scope import ScopeNode
from angarium.rendering.variable_types import Evidence, VariableType

_CONDITIONAL = (IfNode, UnlessNode, ConditionalBlockNode, CaseNode, MultiExpressionBlockNode)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that a source needs, by its root name and the position of its first use.

    Not `required` if every use has a `default`, is a test, or is in a branch that tested it.
    """

    name: str
    required: bool
    line: int
    column: int


def find_variables(template: BoundTemplate) -> tuple[Variable, ...]:
    """The variables of a parsed source, in the order of their first use."""
    walk = _Walk(template)
    found: dict[str, Variable] = {}
    for use in walk.uses:
        first = found.get(use.name, use)
        found[use.name] = Variable(use.name, first.required or use.required, first.line, first.column)
    return tuple(found.values())


@dataclass(frozen=True, slots=True)
class TypedVariable:
    """A variable of a template: whether it is required, and its type if its uses determine one."""

    name: str
    required: bool
    type: VariableType | None


def typed_variables(templates: Iterable[BoundTemplate]) -> tuple[TypedVariable, ...]:
    """The variables of all `templates`, in the order of their first use; required if any of them requires it."""
    required: dict[str, bool] = {}
    evidence = Evidence()
    for template in templates:
        for use in _Walk(template, evidence).uses:
            required[use.name] = required.get(use.name, False) or use.required
    return tuple(TypedVariable(name, needed, evidence.type_of(name)) for name, needed in required.items())


def required_names(templates: Iterable[BoundTemplate]) -> list[str]:
    """The names that any of `templates` requires, in the order of their first use."""
    return [variable.name for variable in typed_variables(templates) if variable.required]


class _Walk:
    """One pass over a syntax tree, in the order of the source."""

    def __init__(self, template: BoundTemplate, evidence: Evidence | None = None) -> None:
        self.uses: list[Variable] = []
        self._evidence = evidence or Evidence()
        self._context = RenderContext(template)
        self._assigned: set[str] = set()
        for node in template.nodes:
            self._visit(node, frozenset(), frozenset())

    def _visit(self, node: Node, local: frozenset[str], tested: frozenset[str]) -> None:
        tests = isinstance(node, _CONDITIONAL)
        hidden = local | self._assigned
        for expression in node.expressions():
            self._read(expression, local, tested, needed=not tests)
            self._evidence.learn(expression, hidden, tests=tests)
        self._assigned.update(str(name) for name in node.template_scope())
        if tests:
            tested |= {name for expression in node.expressions() for name, _ in _roots(expression)}
        local |= {str(name) for name in node.block_scope()}
        outside = set(self._assigned)
        for child in node.children(self._context, include_partials=False):
            self._visit(child, local, tested)
        if isinstance(node, ScopeNode):
            self._assigned = outside

    def _read(self, expression: Expression, local: frozenset[str], tested: frozenset[str], *, needed: bool) -> None:
        defaulted = any(used.name == "default" for used in getattr(expression, "filters", None) or ())
        for name, path in _roots(expression):
            if name in local or name in self._assigned:
                continue
            before = path.token.source[: path.token.start_index]
            required = needed and not defaulted and name not in tested
            column = path.token.start_index - before.rfind("\n")
            self.uses.append(Variable(name, required, before.count("\n") + 1, column))


def _roots(expression: Expression) -> Iterator[tuple[str, Path]]:
    if isinstance(expression, Path) and isinstance(expression.head(), str):
        yield str(expression.head()), expression
    for child in expression.children():
        yield from _roots(child)
