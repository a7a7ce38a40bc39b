"""Liquid with limits, in two environments: with and without HTML escaping.

No tag reads anything outside of the template, values have only JSON's attributes, and all growth, loops and nesting
count towards `Limits`.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import _GeneratorContextManager, contextmanager
from dataclasses import dataclass
from io import StringIO
from typing import Any, TextIO

from liquid import BoundTemplate, Environment, Token
from liquid.ast import Node
from liquid.builtin.content import ContentNode
from liquid.builtin.tags import for_tag, tablerow_tag
from liquid.context import RenderContext
from liquid.exceptions import LiquidError
from liquid.expression import Expression
from liquid.output import LimitedStringIO
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.utils import ReadOnlyChainMap

from angarium.rendering import filters
from angarium.rendering.comparisons import make_lenient
from angarium.rendering.limits import Budget, Limits, OutOfTime, OverLimit, Timer, weigh
from angarium.rendering.markup import find_markup
from angarium.rendering.problems import RenderFailed, RenderTooSlow, TemplateProblem
from angarium.rendering.readable import ReadableEcho, ReadableOutput
from angarium.rendering.scope import ScopeTag

MOST_CYCLES = 1_000
_UNSAFE_TAGS = ("include", "render", "liquid", "ifchanged", "doc")


class BoundedContext(RenderContext):
    """Counts every look-up, filter, loop and assignment of one rendering."""

    __slots__ = ("_budget", "_weights", "locale")

    def __init__(
        self, template: BoundTemplate, *, deadline: float | None = None, locale: str = "en", **options: Any
    ) -> None:
        super().__init__(template, **options)
        self.locale = locale
        environment = template.env
        assert isinstance(environment, SafeEnvironment)  # noqa: S101 - for the type checker; only it makes templates
        self._budget = Budget(environment.limits, environment.timer, deadline)
        self._weights: dict[str, int] = {}
        # Without the engine's own `now` and `today`: they are names like any other.
        self.scope = ReadOnlyChainMap(self.locals, self.globals, self.counters)

    def get(self, path: list[object], **options: Any) -> object:
        self._budget.step()
        return super().get(path, **options)

    def filter(self, name: str, token: Token | None) -> Callable[..., object]:
        self._budget.check()
        return super().filter(name, token)

    def assign(self, key: str, val: Any) -> None:
        self._budget.step()
        limits = _limits(self)
        self._weights[key] = weigh(val, limits)
        if sum(self._weights.values()) > limits.local_characters:
            raise OverLimit("the template assigns too much")
        self.locals[key] = val

    def loop(
        self, namespace: Mapping[str, object], forloop: for_tag.ForLoop | tablerow_tag.TableRow
    ) -> "_GeneratorContextManager[RenderContext, None, None]":
        self._budget.loop(forloop.length)
        forloop.it = self._counted(forloop.it)
        return super().loop(namespace, forloop)

    @contextmanager
    def isolated(self, names: Mapping[str, object]) -> Iterator[None]:
        """A scope with only `names` and the template's variables; assignments inside of it are discarded at its end."""
        outer = self.locals, self.scope, self.counters, self._weights
        self.locals, self.counters, self._weights = {}, {}, {"": sum(self._weights.values())}
        self.scope = ReadOnlyChainMap(self.locals, names, self.globals, self.counters)
        try:
            yield
        finally:
            self.locals, self.scope, self.counters, self._weights = outer

    def get_buffer(self, buf: TextIO | None = None) -> StringIO:
        written = buf.size if isinstance(buf, LimitedStringIO) else 0
        return _buffer(_limits(self).output_bytes - written)

    def cycle(self, key: object, length: int) -> int:
        if len(self.tag_namespace["cycles"]) >= MOST_CYCLES or len(str(key)) > MOST_CYCLES:
            raise OverLimit("too many cycles")
        return super().cycle(key, length)

    def _counted(self, items: Iterator[Any]) -> Iterator[Any]:
        for item in items:
            self._budget.check()
            yield item


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node's text begins in the output and in the source. `literal`: the text is the same in both."""

    start: int
    index: int
    literal: bool


class BoundedTemplate(BoundTemplate):
    """A parsed source whose renderings are limited."""

    context_class = BoundedContext

    def rendered(self, variables: Mapping[str, object], deadline: float | None, locale: str) -> str:
        """Render the text. `locale`: the format of numbers and times. Raises LiquidError, and what a filter raises."""
        context = BoundedContext(self, globals=self.make_globals(variables), deadline=deadline, locale=locale)
        buffer = self._get_buffer()
        self.render_with_context(context, buffer)
        return buffer.getvalue()

    def traced(self, variables: Mapping[str, object], source: str, part: str) -> "tuple[str, Sequence[Place]]":
        """Render the text, with the position of each node of `source`. Raises RenderFailed."""
        context = BoundedContext(self, globals=self.make_globals(variables))
        buffer = self._get_buffer()
        places: list[Place] = []
        try:
            for node in self.nodes:
                index = max(node.token.start_index, 0)
                literal = node.text if isinstance(node, ContentNode) else None
                if literal is not None:  # without the whitespace that an adjacent tag strips
                    index = max(source.find(literal, index), index)
                places.append(Place(buffer.tell(), index, literal is not None))
                node.render(context, buffer)
        except Exception as error:
            raise RenderFailed(part, f"{type(error).__name__} while rendering") from error
        return buffer.getvalue(), places

    def _get_buffer(self) -> StringIO:
        return _buffer(self.env.output_stream_limit or 0)

    def make_partial_namespace(self, partial: bool, render_args: Mapping[str, object]) -> Mapping[str, object]:  # noqa: ARG002 - the engine's signature
        """Remove the engine's `partial`, which would hide a variable with that name."""
        return dict(render_args)


class BoundedForNode(for_tag.ForNode):
    """A `for` loop that refuses a sequence that is too long before the engine copies it."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        _refuse_endless(self.expression, context)
        return super().render_to_output(context, buffer)


class BoundedTablerowNode(tablerow_tag.TablerowNode):
    """The same for `tablerow`."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        _refuse_endless(self.expression, context)
        return super().render_to_output(context, buffer)

    def _int_or_zero(self, arg: object) -> int:
        try:
            return int(arg)  # type: ignore[call-overload, no-any-return]  # anything that a template may name
        except (TypeError, ValueError, OverflowError):
            return 0


class BoundedForTag(for_tag.ForTag):
    """`for`, bounded."""

    node_class = BoundedForNode


class BoundedTablerowTag(tablerow_tag.TablerowTag):
    """`tablerow`, bounded."""

    node_class = BoundedTablerowNode


class SafeEnvironment(Environment):
    """The tags, filters and limits of templates."""

    template_class = BoundedTemplate
    context_depth_limit = 60
    block_nesting_limit = 30

    def __init__(self, limits: Limits, timer: Timer, *, html: bool) -> None:
        self.limits = limits
        self.timer = timer
        self.output_stream_limit = limits.output_bytes  # type: ignore[misc]  # one for each environment, not for the class
        super().__init__(autoescape=html)

    def setup_tags_and_filters(self, *, extra: bool = False) -> None:
        super().setup_tags_and_filters(extra=extra)
        for name in _UNSAFE_TAGS:
            del self.tags[name]
        self.add_tag(ReadableOutput)
        self.add_tag(ReadableEcho)
        self.add_tag(BoundedForTag)
        self.add_tag(BoundedTablerowTag)
        self.add_tag(ScopeTag)
        filters.register(self, self.limits)

    def compiled(self, source: str, field: str) -> BoundTemplate:
        """Parse and check `source`. Raises TemplateProblem with `field`, line and column."""
        for _ in find_markup(source, field, self.limits):
            pass
        template = self._parsed(source, field)
        for node in template.nodes:
            self._check(node, source, field, in_loop=False)
        return template

    def _parsed(self, source: str, field: str) -> BoundTemplate:
        stream = TokenStream(self.tokenizer()(source))
        try:
            nodes = get_parser(self).parse(stream)
        except LiquidError as error:
            raise TemplateProblem.at(field, _message(error), source, _place(error, stream, source)) from error
        except RecursionError as error:
            raise TemplateProblem.at(field, "an expression is nested too deeply", source, 0) from error
        return self.template_class(env=self, nodes=nodes)

    def _check(self, node: Node, source: str, field: str, *, in_loop: bool) -> None:
        if isinstance(node, (for_tag.BreakNode, for_tag.ContinueNode)) and not in_loop:
            raise TemplateProblem.at(field, f"{node} outside of a loop", source, max(node.token.start_index, 0))
        for expression in node.expressions():
            self._check_filters(expression, source, field)
        looping = in_loop or isinstance(node, (for_tag.ForNode, tablerow_tag.TablerowNode))
        for child in node.children(_no_context(self), include_partials=False):
            self._check(child, source, field, in_loop=looping)

    def _check_filters(self, expression: Expression, source: str, field: str) -> None:
        for used in getattr(expression, "filters", None) or ():
            known = self.filters.get(used.name)
            message = f"unknown filter '{used.name}'" if known is None else self.misuse(known, used)
            if message:
                raise TemplateProblem.at(field, message, source, used.token.start_index)
        for child in expression.children():
            self._check_filters(child, source, field)
        make_lenient(expression)

    def misuse(self, known: Callable[..., Any], used: Any) -> str | None:
        """Why the filter `known` cannot be called as `used`; None if it can."""
        return _misuse(known, used)


def render(
    template: BoundTemplate,
    variables: Mapping[str, object],
    part: str,
    deadline: float | None = None,
    locale: str = "en",
) -> str:
    """Render with the full engine, until `deadline` of the environment's timer or within its limits.

    `locale`: the format of numbers and times.
    Raises only RenderFailed, and RenderTooSlow when the time is used up.
    """
    assert isinstance(template, BoundedTemplate)  # noqa: S101 - for the type checker; no other is made
    try:
        return template.rendered(variables, deadline, locale)
    except OutOfTime as error:
        raise RenderTooSlow(part, _message(error)) from error
    except LiquidError as error:
        raise RenderFailed(part, _message(error)) from error
    except Exception as error:  # arithmetic in a filter, a date parser, a recursion: errors of the template
        raise RenderFailed(part, f"{type(error).__name__} while rendering") from error


def _buffer(room: int) -> StringIO:
    """A buffer of `room` bytes that keeps line endings, unlike the engine's."""
    return LimitedStringIO(limit=room, newline="")


def _limits(context: RenderContext) -> Limits:
    limits: Limits = context.env.limits  # type: ignore[attr-defined]  # a BoundedContext lives in a SafeEnvironment
    return limits


def _refuse_endless(expression: Any, context: RenderContext) -> None:
    items = expression.iterable.evaluate(context)
    if isinstance(items, (range, list)):
        weigh(items if isinstance(items, range) else range(len(items)), _limits(context))


def _no_context(environment: Environment) -> RenderContext:
    return RenderContext(BoundTemplate(environment, []))


def _message(error: LiquidError) -> str:
    message = str(error.message)
    missing = message.removeprefix("expected tag ").removesuffix(", found end of expression")
    return f"unexpected end of template, expected '{missing}'" if missing.startswith("end") else message


def _place(error: LiquidError, stream: TokenStream, source: str) -> int:
    if error.token is not None and error.token.start_index >= 0:
        return error.token.start_index
    if stream.current.start_index < 0:
        return len(source)
    return stream.current.start_index


def _misuse(known: Callable[..., Any], used: Any) -> str | None:
    positional = [None for argument in used.args if not getattr(argument, "name", None)]
    named = {argument.name: None for argument in used.args if getattr(argument, "name", None)}
    named.update((name, None) for name in ("environment", "context") if getattr(known, f"with_{name}", False))
    try:
        inspect.signature(known).bind(None, *positional, **named)
    except TypeError as error:
        return f"{used.name}: {error}"
    return None
