"""The bodies of the templates service, public and internal."""

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from angarium.contracts.durations import RetryDelays
from angarium.contracts.fields import HIGHEST_VERSION, Body, Category, Locale, TemplateCode, Timestamp, renamed
from angarium.contracts.statuses import Channel, DeliveryPolicy

Source = Annotated[str, StringConstraints(max_length=200_000, pattern=r"^[^\x00]*$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_.-]{0,99}$")]
_ALIASES = MappingProxyType({"type": "channel", "variables": "required_variables", "template_code": "code"})
"""Aliases of fields, for clients of other systems."""
LINK_VARIABLES = ("unsubscribe_url", "preferences_url")
"""Variables available in every email template: links for the recipient. A value in the request overrides them.

They are empty without a stored user or without ANGARIUM_PUBLIC_URL; `unsubscribe_url` is also empty for mandatory
categories.
"""
VersionStatus = Literal["draft", "published", "superseded"]


class TemplateParts(Body):
    """Liquid sources. `content` is the main part of the template's own channel; the specific names override it.

    `content` is `html` for a mail, `body` for a push, `text` for an SMS, and `json` for a webhook.
    """

    model_config = ConfigDict(serialize_by_alias=True)

    subject: Source | None = None
    content: Source | None = None
    html: Source | None = None
    mjml: Source | None = None
    text: Source | None = None
    title: Source | None = None
    body: Source | None = None
    image: Source | None = None
    link: Source | None = None
    json_: Source | None = Field(default=None, alias="json")


PARTS: Mapping[str, str] = MappingProxyType(
    {field.alias or name: name for name, field in TemplateParts.model_fields.items()}
)
"""The attribute of `TemplateParts` that holds each part, by the part's name."""


class TemplateVersionCreate(TemplateParts):
    """`POST /templates/{code}/versions`: a draft.

    Read as well, for clients of other systems: `type` as `channel`, `variables` (a list of names) as
    `required_variables`.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"subject": "Hello {{name}}", "content": "<p>Hello {{name}}</p>"}]}
    )

    name: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    description: Annotated[str, StringConstraints(max_length=2000)] | None = None
    channel: Channel = Channel.EMAIL
    language: Locale = "en"
    required_variables: Annotated[list[Variable], Field(max_length=200)] | None = None
    defaults: dict[Variable, Any] = Field(default_factory=dict)
    category: Category | None = None
    delivery_policy: DeliveryPolicy = DeliveryPolicy.AT_LEAST_ONCE
    retry_delays: RetryDelays | None = None
    translations: dict[Locale, TemplateParts] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _by_other_names(cls, value: Any) -> Any:
        aliases = {alias: name for alias, name in _ALIASES.items() if name in cls.model_fields}
        return renamed(_with_given_translations(_with_names(value)), aliases)


def _with_names(content: Any) -> Any:
    """`content` with `variables` as a list of names, also if it is in the form of a TemplateView."""
    described = content.get("variables") if isinstance(content, Mapping) else None
    if not isinstance(described, list) or not all(isinstance(one, Mapping) and "name" in one for one in described):
        return content
    if content.get("required_variables") is not None:
        return {name: value for name, value in content.items() if name != "variables"}
    return {**content, "variables": [one["name"] for one in described if one.get("required", True)]}


def _with_given_translations(content: Any) -> Any:
    """`content` without translations that are null."""
    translations = content.get("translations") if isinstance(content, Mapping) else None
    if not isinstance(translations, Mapping):
        return content
    return {**content, "translations": {name: parts for name, parts in translations.items() if parts is not None}}


class TemplateCreate(TemplateVersionCreate):
    """`POST /templates`: creates the template and publishes version 1.

    A part for the template's own `channel` is required: `content`, or one of the channel's specific parts.

    Read as well, for clients of other systems: `type` as `channel`, `variables` (a list of names) as
    `required_variables`, `template_code` as `code`.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "greeting",
                    "subject": "Hello {{name}}",
                    "content": "<p>Hello {{name}}</p>",
                    "translations": {"fr": {"subject": "Bonjour {{name}}", "content": "<p>Bonjour {{name}}</p>"}},
                }
            ]
        }
    )

    code: TemplateCode


class VariableView(BaseModel):
    """A variable of a template. `type` is set if its uses determine one."""

    name: str
    type: Literal["string", "number", "bool", "list", "object"] | None
    required: bool


class TemplateView(TemplateParts):
    """`GET /templates/{code}`."""

    code: str
    name: str
    description: str
    channel: Channel
    language: str
    version: int
    status: VersionStatus
    required_variables: list[str]
    defaults: dict[str, Any]
    category: str | None
    delivery_policy: DeliveryPolicy
    retry_delays: list[str] | None
    translations: dict[str, dict[str, str]]
    variables: list[VariableView] = Field(default_factory=list)
    includes: dict[str, int] = Field(default_factory=dict)
    """The layouts and partials used in this version, with their versions."""
    created_at: Timestamp
    updated_at: Timestamp


class VersionView(BaseModel):
    """One line of `GET /templates/{code}/versions`."""

    version: int
    status: VersionStatus
    created_at: Timestamp
    created_by: str | None


class PreviewRequest(Body):
    """`POST /templates/{code}/preview`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"variables": {"name": "John"}, "locale": "fr"}]})

    variables: dict[str, Any] = Field(default_factory=dict)
    version: Annotated[int, Field(ge=1, le=HIGHEST_VERSION, strict=True)] | None = None
    locale: Locale | None = None
    channel: Channel | None = None


class ChannelSources(BaseModel):
    """Liquid sources of one language, ready to render: MJML compiled, CSS inlined, text part generated.

    Keyed by part: email `subject`, `html`, `text`; push `title`, `body`, `image`, `link`; sms `text`;
    webhook `json`, or `title` and `text`.
    Channels without content are absent.
    """

    email: dict[str, str] | None = None
    push: dict[str, str] | None = None
    sms: dict[str, str] | None = None
    webhook: dict[str, str] | None = None


class CompiledTemplate(BaseModel):
    """One version of a template, ready to render. Immutable, so caches need no expiry."""

    template_id: UUID
    tenant: str
    code: str
    version: int
    language: str
    required_variables: list[str]
    defaults: dict[str, Any]
    category: str | None
    delivery_policy: DeliveryPolicy
    retry_delays: list[str] | None
    locales: dict[str, ChannelSources]
    channel_variables: dict[Channel, list[str]] | None = None
    """The required variables by channel; None: every channel requires all of them."""
    raw_html: bool = False
    """Whether variables are HTML and not escaped. True only for built-in templates, never for stored ones."""

    def serves(self, channel: Channel) -> bool:
        """Whether there is content for `channel`."""
        sources = self.locales.get(self.language)
        return sources is not None and getattr(sources, channel) is not None

    def required_for(self, channels: Collection[Channel]) -> Sequence[str]:
        """The variables that at least one of `channels` requires, in the order of `required_variables`."""
        if self.channel_variables is None:
            return self.required_variables
        needed = {name for channel in channels for name in self.channel_variables.get(channel, ())}
        return [name for name in self.required_variables if name in needed]

    def missing(self, variables: Mapping[str, Any], channels: Collection[Channel]) -> list[str]:
        """The required variables of `channels` that are missing or null in `variables` and have no default."""
        wanted = self.required_for(channels)
        return [
            name
            for name in wanted
            if name not in self.defaults and _value(variables, name) is None and name not in LINK_VARIABLES
        ]


def _value(variables: Mapping[str, Any], name: str) -> Any:
    """The value at `name`, which may be a dotted path; None if there is none."""
    if name in variables or "." not in name:
        return variables.get(name)
    value: Any = variables
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


class PublishedPointer(BaseModel):
    """The currently published version of a code: the only mutable field of a template."""

    code: str
    version: int
