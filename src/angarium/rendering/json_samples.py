"""Renders a JSON template with sample values, to detect at save time templates that cannot produce valid JSON."""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import product

from liquid import BoundTemplate

from angarium.rendering.json_text import FalseSample, JsonFault, Sample, json_fault
from angarium.rendering.liquid import BoundedTemplate, Place, SafeEnvironment
from angarium.rendering.problems import RenderFailed, TemplateProblem
from angarium.rendering.variables import find_variables

_LARGE = 1_000_000
_SAMPLES = (Sample(agreeing=True), Sample(), Sample(_LARGE), FalseSample())
"""Sample values that make conditions true or false."""
_GROUPS = 3
"""Number of groups of variables, so that at most 64 assignments are tried."""


def check_json(template: BoundTemplate, source: str, field: str) -> None:
    """Raise TemplateProblem if `source`, parsed as `template`, renders to valid JSON with none of the sample values.

    A template that cannot be rendered with a sample is accepted, so that no valid template is refused. The position is
    that of the first error: exact in literal text, otherwise that of the tag or output that produced it. Takes at most
    as long as one rendering may.
    """
    environment = template.env
    assert isinstance(template, BoundedTemplate)  # noqa: S101 - for the type checker; no other is made
    assert isinstance(environment, SafeEnvironment)  # noqa: S101 - likewise
    end = environment.timer() + environment.limits.seconds
    first: TemplateProblem | None = None
    for values in _assignments([variable.name for variable in find_variables(template)]):
        try:
            text, places = template.traced(values, source, field)
        except RenderFailed:
            return
        fault = json_fault(text)
        if fault is None:
            return
        first = first or _problem(fault, places, source, field)
        if environment.timer() > end:
            break
    if first is not None:
        raise first


def _assignments(names: Sequence[str]) -> Iterator[Mapping[str, Sample]]:
    for samples in product(_SAMPLES, repeat=min(_GROUPS, len(names))):
        yield {name: samples[position % len(samples)] for position, name in enumerate(names)}


def _problem(fault: JsonFault, places: Sequence[Place], source: str, field: str) -> TemplateProblem:
    at = bisect_right(places, fault.index, key=lambda place: place.start) - 1
    place = places[max(at, 0)] if places else Place(0, 0, literal=True)
    index = place.index + (fault.index - place.start if place.literal else 0)
    return TemplateProblem.at(field, f"not JSON with sample values: {fault.message}", source, min(index, len(source)))
