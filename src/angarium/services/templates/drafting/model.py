"""A version's content: its source and its compiled form."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.contracts.templates import ChannelSources, VariableView
from angarium.rendering.fragments import Fragment
from angarium.rendering.locales import locale_chain


class Source(BaseModel):
    """A version's source, with defaults filled in."""

    model_config = ConfigDict(frozen=True)

    name: str
    description: str
    channel: Channel
    language: str
    required_variables: list[str]
    defaults: dict[str, Any]
    category: str | None
    delivery_policy: DeliveryPolicy
    retry_delays: list[str] | None
    parts: dict[str, str]
    translations: dict[str, dict[str, str]]
    variables: list[VariableView] = Field(default_factory=list)
    includes: dict[str, int] = Field(default_factory=dict)

    def parts_in(self, locale: str) -> Mapping[str, str]:
        """The parts for a language: its own, then those of `pt` for `pt-BR`, then the default language's."""
        chain = locale_chain(self.translations, locale, self.language)
        shown = dict(self.parts)
        for name in reversed(chain):
            shown.update(self.translations.get(name, {}))
        return shown


class Sources(BaseModel):
    """A version's compiled sources by language, and the required variables of each channel.

    `required` is None if `content` was compiled for every channel, as in older versions of Angarium.
    """

    locales: dict[str, ChannelSources]
    required: dict[Channel, list[str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version to be stored."""

    source: Source
    compiled: Sources


def fragment_of(version: int, source: Source) -> Fragment:
    """A version for inclusion in other templates."""
    return Fragment(version, source.language, source.parts, source.translations)
