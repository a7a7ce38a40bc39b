"""Compares the cost of rendering starter templates: Angarium's renderer, the Liquid engine alone, and Jinja2.

Run it with `.venv/bin/python -m benchmarks.render`. The rounds of the three are interleaved. The figures are medians in
microseconds of CPU for a whole mail (subject, HTML, text). Jinja2 renders the same compiled sources, with `forloop`,
`case` and filters translated to Jinja's syntax. They are parsed once, with autoescape for HTML.
"""

import re
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import jinja2

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import CompiledTemplate
from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment, render
from angarium.rendering.renderer import Renderer
from tests.support.starters import EXAMPLES, compiled_starters

ROUNDS, TIMES = 15, 40
Work = Callable[[], object]


def angarium(template: CompiledTemplate, variables: Mapping[str, Any]) -> Work:
    renderer = Renderer()
    return lambda: renderer.quick(template, Channel.EMAIL, None, variables)


def engine(template: CompiledTemplate, variables: Mapping[str, Any]) -> Work:
    sources = template.locales["en"].email or {}
    given = {**template.defaults, **variables}
    parsed = [
        (part, SafeEnvironment(Limits(), time.thread_time, html=part == "html").compiled(source, part))
        for part, source in sources.items()
    ]
    return lambda: [render(source, given, part) for part, source in parsed]


def jinja(template: CompiledTemplate, variables: Mapping[str, Any]) -> Work:
    sources = template.locales["en"].email or {}
    given = {**template.defaults, **variables}
    parsed = [
        jinja2.Environment(autoescape=part == "html").from_string(as_jinja(source))  # noqa: S701 - plain text is not escaped
        for part, source in sources.items()
    ]
    return lambda: [source.render(given) for source in parsed]


def as_jinja(source: str) -> str:
    source = re.sub(r"\{% scope (.*?) %\}", lambda m: "{% with " + m.group(1).replace(": ", "=") + " %}", source)
    source = source.replace("{% endscope %}", "{% endwith %}").replace("{% endcase %}", "{% endif %}")
    source = re.sub(r"\{% case (\w+) %\}\s*\{% when ('\w+') %\}", r"{% if \1 == \2 %}", source)
    source = re.sub(r"\{% when ('\w+') %\}", r"{% elif severity == \1 %}", source)
    source = re.sub(r"(default|truncate): ([^|}]+?)\s*(?=[|}])", r"\1(\2) ", source)
    source = re.sub(r"\b(order|receipt)\.items\b", r"\1['items']", source)
    return source.replace("| newline_to_br", "| replace('\n', '<br>\n')")


def cost(work: Work) -> float:
    started = time.process_time()
    for _ in range(TIMES):
        work()
    return (time.process_time() - started) / TIMES * 1e6


def main() -> None:
    print(f"{'template':20}{'Angarium':>10}{'engine':>10}{'Jinja2':>10}   µs a mail, median of {ROUNDS} rounds")
    for code, template in compiled_starters().items():
        works = [make(template, EXAMPLES[code]) for make in (angarium, engine, jinja)]
        for work in works:
            assert work()
        rounds = [[cost(work) for work in works] for _ in range(ROUNDS)]
        medians = [statistics.median(column) for column in zip(*rounds, strict=True)]
        print(f"{code:20}" + "".join(f"{value:10.0f}" for value in medians))


if __name__ == "__main__":
    main()
