"""Renders a template of JSON with sample values, to find at save what could never be JSON at send."""

from bisect import bisect_right

from liquid import BoundTemplate

from angarium.rendering.json_text import Sample, json_fault
from angarium.rendering.liquid import BoundedTemplate
from angarium.rendering.problems import RenderFailed, TemplateProblem
from angarium.rendering.variables import find_variables


def check_json(template: BoundTemplate, source: str, field: str) -> None:
    """Raise TemplateProblem where `source`, parsed as `template`, renders to something else than JSON.

    Every variable has a value. A template that cannot be rendered with these values is not judged. The place is exact
    in the author's own text, and that of the tag or output where it lies within what one of those makes.
    """
    assert isinstance(template, BoundedTemplate)  # noqa: S101 - for the type checker; no other is made
    values = {variable.name: Sample() for variable in find_variables(template)}
    try:
        text, places = template.traced(values, source, field)
    except RenderFailed:
        return
    fault = json_fault(text)
    if fault is None:
        return
    place = places[max(bisect_right(places, fault.index, key=lambda one: one.start) - 1, 0)] if places else None
    index = 0 if place is None else place.index + (fault.index - place.start if place.literal else 0)
    raise TemplateProblem.at(field, f"not JSON with sample values: {fault.message}", source, min(index, len(source)))
