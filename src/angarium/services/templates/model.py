"""A template and its versions as this service keeps them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from angarium.contracts.statuses import Channel, DeliveryPolicy
from angarium.contracts.templates import ChannelSources, CompiledTemplate, TemplateParts, VersionStatus


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

    def parts_in(self, locale: str) -> Mapping[str, str]:
        """The parts shown for a language: its own, over the default language's where it has none."""
        return {**self.parts, **self.translations.get(locale, {})}


class Sources(BaseModel):
    """A version's compiled sources by language."""

    locales: dict[str, ChannelSources]


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


def given_parts(parts: TemplateParts) -> dict[str, str]:
    """The parts that are there."""
    return {name: text for name in TemplateParts.model_fields if (text := getattr(parts, name)) is not None}


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
    )
