"""The compiled form of `{% render %}`: the partial's text in its own scope.

`{% scope a: b %}…{% endscope %}` renders its block with `a` and the template's variables, but without outer
assignments; its own assignments end with it. It is not available to authors.
"""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol, TextIO, cast

from liquid.ast import BlockNode, Node
from liquid.builtin.expressions import Identifier, KeywordArgument
from liquid.context import RenderContext
from liquid.expression import Expression
from liquid.parser import get_parser
from liquid.stream import TokenStream
from liquid.tag import Tag
from liquid.token import TOKEN_EOF, TOKEN_EXPRESSION, TOKEN_TAG, Token


class Isolating(Protocol):
    """The interface of a context that scopes need."""

    def isolated(self, names: Mapping[str, object]) -> AbstractContextManager[None]:
        """A scope with only `names` and the template's variables; assignments inside of it are discarded at its end."""
        ...


class ScopeNode(Node):
    """One partial's text."""

    def __init__(self, token: Token, arguments: list[KeywordArgument], block: BlockNode) -> None:
        super().__init__(token)
        self.arguments = arguments
        self.block = block
        self.blank = block.blank

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        given = {argument.name: argument.value.evaluate(context) for argument in self.arguments}
        with cast("Isolating", context).isolated(given):
            return self.block.render(context, buffer)

    def children(self, static_context: RenderContext, *, include_partials: bool = True) -> Iterable[Node]:  # noqa: ARG002 - the engine's signature
        yield self.block

    def expressions(self) -> Iterable[Expression]:
        yield from (argument.value for argument in self.arguments)

    def block_scope(self) -> Iterable[Identifier]:
        yield from (Identifier(argument.name, token=argument.token) for argument in self.arguments)


class ScopeTag(Tag):
    """`{% scope a: b %}…{% endscope %}`."""

    name = "scope"
    end = "endscope"

    def parse(self, stream: TokenStream) -> Node:
        token = stream.eat(TOKEN_TAG)
        named = stream.current.kind == TOKEN_EXPRESSION
        arguments = KeywordArgument.parse(self.env, stream.into_inner(tag=token)) if named else []
        block = get_parser(self.env).parse_block(stream, ("endscope", TOKEN_EOF))
        stream.expect(TOKEN_TAG, value="endscope")
        return ScopeNode(token, arguments, block)
