"""The parts of a template for each channel, with language fallback."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import PARTS, TemplateParts

ValueT = TypeVar("ValueT")

MAIN_PARTS: Mapping[Channel, tuple[str, ...]] = MappingProxyType(
    {
        Channel.EMAIL: ("mjml", "html", "content"),
        Channel.PUSH: ("body", "content"),
        Channel.SMS: ("text", "content"),
        Channel.WEBHOOK: ("json", "content", "text"),
    }
)
"""Names of a channel's main part, the most specific first."""
_OTHER_PARTS: Mapping[Channel, tuple[str, ...]] = MappingProxyType(
    {
        Channel.EMAIL: ("subject", "text"),
        Channel.PUSH: ("title", "image", "link"),
        Channel.SMS: (),
        Channel.WEBHOOK: ("title",),
    }
)
_REPLACED = (
    ("content", ("html", "mjml", "text", "body", "json")),
    ("html", ("mjml", "text")),
    ("mjml", ("html", "text")),
)
"""The parts that a translated main part replaces, since they would be in another language."""


@dataclass(frozen=True, slots=True)
class Part:
    """A Liquid source and its field in the request."""

    source: str
    field: str


def given_parts(parts: TemplateParts) -> dict[str, str]:
    """The present parts by name."""
    return {name: text for name, attribute in PARTS.items() if (text := getattr(parts, attribute)) is not None}


def parts_of(channel: Channel, own: Channel, chain: Mapping[str, TemplateParts]) -> dict[str, Part]:
    """The parts for `channel` in a template whose own channel is `own`.

    `content` is the main part of the own channel only: a mail's HTML is not suitable for an SMS.
    `chain`: the parts of each language by field prefix, the nearest language first.
    """
    names = {*MAIN_PARTS[channel], *_OTHER_PARTS[channel]} - ({"content"} if channel is not own else set())
    languages = [
        {name: Part(source, prefix + name) for name, source in given_parts(parts).items() if name in names}
        for prefix, parts in chain.items()
    ]
    return merged(reversed(languages))


def merged(languages: Iterable[Mapping[str, ValueT]]) -> dict[str, ValueT]:
    """Merge parts by name, each from the last of `languages` that has it.

    A translated main part replaces all earlier forms of the main part.
    """
    whole: dict[str, ValueT] = {}
    for given in languages:
        replaced = {form for general, forms in _REPLACED if general in given for form in forms}
        whole = {**{name: part for name, part in whole.items() if name not in replaced}, **given}
    return whole


def main_part(channel: Channel, parts: Mapping[str, object]) -> str | None:
    """The name of the main part of `channel` among `parts`."""
    return next((name for name in MAIN_PARTS[channel] if name in parts), None)


def own_part_fault(parts: TemplateParts, channel: Channel) -> tuple[str, str] | None:
    """The field to correct and the reason if a template has no content for its own `channel`; None if it has.

    A mail may consist of its `text` alone.
    """
    found = parts_of(channel, channel, {"": parts})
    names = (*MAIN_PARTS[channel], "text") if channel is Channel.EMAIL else MAIN_PARTS[channel]
    texts = [found[name] for name in names if name in found]
    if not texts:
        needed = " or ".join(dict.fromkeys(reversed(MAIN_PARTS[channel])))
        return "content", f"required: a template for {channel} needs {needed}"
    return None if any(text.source.strip() for text in texts) else (texts[0].field, "must not be blank")
