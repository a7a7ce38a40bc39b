"""The required variables of each channel of a template."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import ChannelSources
from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment
from angarium.rendering.problems import TemplateProblem
from angarium.rendering.variables import typed_variables

_HTML = "html"


@dataclass(frozen=True, slots=True)
class _Uses:
    """The variables in one channel's sources: all of them, and those without a default or a test."""

    names: frozenset[str]
    needed: frozenset[str]


def required_by_channel(
    locales: Mapping[str, ChannelSources], required: Sequence[str], limits: Limits | None = None
) -> dict[Channel, list[str]]:
    """The names of `required` for each channel in the compiled sources `locales`.

    A name that only other channels need is omitted. A name listed by the author that no channel needs is required where
    it is used, or everywhere if it is unused. CPU-bound: parses every source once.
    """
    try:
        uses = _uses_by_channel(locales, limits or Limits())
    except TemplateProblem:  # compiled under other limits: require too much rather than send blanks
        return {channel: list(required) for channel in _served(locales)}
    return {channel: [name for name in required if _requires(channel, name, uses)] for channel in uses}


def _requires(channel: Channel, name: str, uses: Mapping[Channel, _Uses]) -> bool:
    root = name.partition(".")[0]
    needing = [one for one, found in uses.items() if root in found.needed]
    using = [one for one, found in uses.items() if root in found.names]
    return channel in (needing or using or uses)


def _uses_by_channel(locales: Mapping[str, ChannelSources], limits: Limits) -> dict[Channel, _Uses]:
    environments = {html: SafeEnvironment(limits, time.thread_time, html=html) for html in (True, False)}
    uses = {}
    for channel in _served(locales):
        sources = {(part == _HTML, source) for part, source in _sources(locales, channel)}
        found = typed_variables(environments[html].compiled(source, channel) for html, source in sorted(sources))
        uses[channel] = _Uses(
            frozenset(variable.name for variable in found),
            frozenset(variable.name for variable in found if variable.required),
        )
    return uses


def _served(locales: Mapping[str, ChannelSources]) -> list[Channel]:
    return [
        channel for channel in Channel if any(getattr(sources, channel) is not None for sources in locales.values())
    ]


def _sources(locales: Mapping[str, ChannelSources], channel: Channel) -> Iterable[tuple[str, str]]:
    for sources in locales.values():
        yield from (getattr(sources, channel) or {}).items()
