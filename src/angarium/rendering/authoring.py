"""Additional tags for authors, which are resolved when a version is saved.

`{% layout 'code' %}` (or `{% extends 'code' %}`), `{% block name %}…{% endblock %}` and `{% render 'code', a: b %}`,
as in Jekyll, Shopify and Django. They are only parsed here, so that errors are reported with their position.
"""

from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, TextIO

from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import StringLiteral, parse_name, parse_primitive
from liquid.builtin.expressions.primitive import Literal
from liquid.builtin.tags.render_tag import RenderNode, RenderTag
from liquid.context import RenderContext
from liquid.exceptions import FilterArgumentError, LiquidSyntaxError
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_EOF, TOKEN_EXPRESSION, TOKEN_TAG, Token

from angarium.rendering.limits import Limits, Timer
from angarium.rendering.liquid import SafeEnvironment

_TRIED = frozenset(
    "currency local_date local_datetime local_time number percent slice truncate truncatewords".split()  # noqa: SIM905 - a list of words
)
"""Filters whose literal arguments are tried at save. With wrong ones they would return every value unchanged."""


class _Unrendered(Node):
    """A placeholder, which is resolved before rendering."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:  # noqa: ARG002 - the engine's signature
        raise AssertionError("resolved before anything is rendered")


class _AuthoredBlock(_Unrendered):
    def __init__(self, token: Token, block: BlockNode) -> None:
        super().__init__(token)
        self.block = block

    def children(self, static_context: RenderContext, *, include_partials: bool = True) -> Iterable[Node]:  # noqa: ARG002 - the engine's signature
        yield self.block


class BlockTag(Tag):
    """`{% block name %}…{% endblock %}`: content that a template with this layout can replace."""

    name = "block"
    end = "endblock"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        inner = stream.into_inner(tag=token)
        parse_name(self.env, inner)
        inner.expect_eos()
        body = get_parser(self.env).parse_block(stream, ("endblock", TOKEN_EOF))
        stream.expect(TOKEN_TAG, value="endblock")
        if stream.peek.kind == TOKEN_EXPRESSION:
            next(stream)  # `{% endblock name %}`, as Django has it
        return _AuthoredBlock(token, body)


class LayoutTag(Tag):
    """`{% layout 'code' %}`: the layout whose blocks this template fills."""

    name = "layout"
    block = False

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        inner = stream.into_inner(tag=token, eat=False)
        code = parse_primitive(self.env, inner)
        if not isinstance(code, StringLiteral):
            raise LiquidSyntaxError("expected a template's code in quotes", token=code.token)
        inner.expect_eos()
        return _Unrendered(token)


class ExtendsTag(LayoutTag):
    """The same tag under its name in Django and Jinja."""

    name = "extends"


class PartialTag(RenderTag):
    """`{% render 'code', a: b %}`."""

    def parse(self, stream: TokenStream) -> Node:
        node = super().parse(stream)
        if isinstance(node, RenderNode) and not isinstance(node.name, StringLiteral):
            raise LiquidSyntaxError("expected a template's code in quotes", token=node.name.token)
        return node


class AuthoringEnvironment(SafeEnvironment):
    """Parses authors' sources for checks only."""

    def __init__(self, limits: Limits, timer: Timer, *, html: bool) -> None:
        super().__init__(limits, timer, html=html)
        del self.tags["scope"]
        for tag in (BlockTag, LayoutTag, ExtendsTag, PartialTag):
            self.add_tag(tag)

    def misuse(self, known: Callable[..., Any], used: Any) -> str | None:
        """Also refuse literal arguments that the filter never accepts."""
        return super().misuse(known, used) or self._refusal(known, used)

    def _refusal(self, known: Callable[..., Any], used: Any) -> str | None:
        values = [argument.value for argument in used.args]
        if used.name not in _TRIED or not values or not all(isinstance(value, Literal) for value in values):
            return None
        needed = {"context": SimpleNamespace(env=self, locale="en")} if getattr(known, "with_context", False) else {}
        strict: Callable[..., Any] = getattr(known, "__wrapped__", known)
        try:
            strict(0, *(value.value for value in values), **needed)
        except FilterArgumentError as error:
            return str(error.message)
        return None
