"""Compatibility with versions compiled when `content` was used for every channel.

A version is immutable, so its stored document is not changed, but converted when it is read.
"""

import re
from collections.abc import Mapping, Sequence

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import ChannelSources
from angarium.rendering.locales import locale_chain
from angarium.rendering.parts import main_part, merged
from angarium.rendering.requirements import required_by_channel
from angarium.services.templates.drafting.model import Source, Sources

_MARKUP = re.compile(r"<[A-Za-z!/]")


def read_older(source: Source, compiled: Sources) -> Sources:
    """Convert `compiled`: removes HTML from text channels and adds `required`. CPU-bound: parses every source once."""
    served = {locale: {channel: _serves(source, locale, channel) for channel in Channel} for locale in compiled.locales}
    locales = {
        locale: ChannelSources(
            **{channel.value: _sources(source, compiled, served, locale, channel) for channel in Channel}
        )
        for locale in compiled.locales
    }
    return Sources(locales=locales, required=required_by_channel(locales, source.required_variables))


def _serves(source: Source, locale: str, channel: Channel) -> bool:
    """Whether the main part that `channel` was compiled from is one for that channel."""
    parts = merged([_given(source, name) for name in reversed(_chain(source, locale))])
    if channel is source.channel or main_part(channel, parts) != "content":
        return True
    # Beside a main part of its own, the `content` of a mail was meant for phones, as in the starter templates.
    beside = main_part(source.channel, parts) != "content"
    return beside and channel is not Channel.EMAIL and not _MARKUP.search(parts["content"])


def _sources(
    source: Source, compiled: Sources, served: Mapping[str, Mapping[Channel, bool]], locale: str, channel: Channel
) -> dict[str, str] | None:
    """The compiled sources of the nearest language with parts for `channel`."""
    for name in _chain(source, locale):
        if name in compiled.locales and served[name][channel]:
            found: dict[str, str] | None = getattr(compiled.locales[name], channel)
            return found
    return _text_alone(source, compiled, locale) if channel is Channel.EMAIL else None


def _text_alone(source: Source, compiled: Sources, locale: str) -> dict[str, str] | None:
    """The mail of another channel's template: its `text`, without `content` as HTML."""
    email = compiled.locales[locale].email
    parts = merged([_given(source, name) for name in reversed(_chain(source, locale))])
    if email is None or "text" not in parts:
        return None
    return {name: text for name, text in email.items() if name != "html"}


def _chain(source: Source, locale: str) -> Sequence[str]:
    """The languages that provide parts for `locale`, the nearest first."""
    named = [name for name in locale_chain(source.translations, locale, source.language) if name in source.translations]
    return [*(name for name in named if name != source.language), source.language]


def _given(source: Source, locale: str) -> Mapping[str, str]:
    return source.parts if locale == source.language else source.translations[locale]
