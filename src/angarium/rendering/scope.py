"""What `{% render %}` becomes in a compiled source: the partial's text with names of its own.

`{% scope a: b %}…{% endscope %}` renders its block with `a`, the template's variables and nothing else that was
assigned around it; what it assigns itself ends with it. Authors don't write it.
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
    """What a context must be able to do for a scope."""

    def isolated(self, names: Mapping[str, object]) -> AbstractContextManager[None]:
        """With nothing but `names` and the template's variables; what is assigned meanwhile is forgotten after."""
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
