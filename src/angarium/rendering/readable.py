"""Formats values other than text as JSON instead of Python."""

import json
from decimal import Decimal
from math import isfinite
from typing import TextIO

from liquid.builtin.output import Output, OutputNode
from liquid.builtin.tags.echo_tag import EchoNode, EchoTag
from liquid.context import RenderContext
from liquid.stringify import to_liquid_string


def readable(value: object) -> object:
    """An object as JSON, a number without an exponent, each item of a list; other values unchanged."""
    match value:
        case dict():
            return json.dumps(value, ensure_ascii=False, default=str)
        case float() if isfinite(value) and "e" in repr(value):
            return format(Decimal(repr(value)), "f")
        case list() | tuple():
            return [_item(item) for item in value]
        case _:
            return value


def _item(value: object) -> object:
    """An item of a list, which the engine would format as Python."""
    if value is None or isinstance(value, bool):
        return to_liquid_string(value, autoescape=False)
    return readable(value)


class ReadableNode(OutputNode):
    """`{{ x }}`."""

    def render_to_output(self, context: RenderContext, buffer: TextIO) -> int:
        return buffer.write(to_liquid_string(readable(self.expression.evaluate(context)), context.autoescape))


class ReadableEchoNode(ReadableNode, EchoNode):
    """`{% echo x %}`."""


class ReadableOutput(Output):
    """`{{ x }}`, with values formatted by `readable`."""

    node_class = ReadableNode


class ReadableEcho(EchoTag):
    """The same for `{% echo x %}`."""

    node_class = ReadableEchoNode
