"""A template and its versions as this service keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate, VariableView, VersionStatus
from angarium.rendering.fragments import Fragment
from angarium.rendering.locales import locale_chain


class Source(BaseModel):
    """A version as its author gave it, defaults filled in."""

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
        """The parts shown for a language: its own, over those of `pt` for `pt-BR`, over the default language's."""
        chain = locale_chain(self.translations, locale, self.language)
        shown = dict(self.parts)
        for name in reversed(chain):
            shown.update(self.translations.get(name, {}))
        return shown


class Sources(BaseModel):
    """A version's compiled sources by language, and the required variables of each channel.

    `required` is None where `content` was compiled for every channel, as older versions of Angarium did.
    """

    locales: dict[str, ChannelSources]
    required: dict[Channel, list[str]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version. Immutable but for its status."""

    version: int
    status: VersionStatus
    source: Source
    created_at: datetime
    created_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A code and what is published under it."""

    template_id: UUID
    tenant: str
    code: str
    published_version: int
    latest_version: int
    revision: int
    created_at: datetime
    updated_at: datetime
    archived_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A version ready to be kept."""

    source: Source
    compiled: Sources


def fragment_of(version: int, source: Source) -> Fragment:
    """A version as other templates take pieces of it."""
    return Fragment(version, source.language, source.parts, source.translations)


def compiled_template(template: Template, version: int, source: Source, compiled: Sources) -> CompiledTemplate:
    """What the other services get."""
    return CompiledTemplate(
        template_id=template.template_id,
        tenant=template.tenant,
        code=template.code,
        version=version,
        language=source.language,
        required_variables=source.required_variables,
        defaults=source.defaults,
        category=source.category,
        delivery_policy=source.delivery_policy,
        retry_delays=source.retry_delays,
        locales=compiled.locales,
        channel_variables=compiled.required,
    )
