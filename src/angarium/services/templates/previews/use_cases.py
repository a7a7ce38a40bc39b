"""Renders a version for its author."""

from typing import assert_never

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import LINK_VARIABLES, CompiledTemplate, PreviewRequest
from angarium.rendering.content import Content, EmailContent, PushContent, SmsContent, WebhookContent
from angarium.rendering.problems import RenderFailed
from angarium.rendering.renderer import Renderer
from angarium.rendering.sms import measure_sms
from angarium.services.templates.compiled.store import CompiledStore
from angarium.services.templates.library.store import TemplateStore

_LINKS = {name: f"https://example.com/{name.removesuffix('_url')}" for name in LINK_VARIABLES}
"""A preview has no user, so its links are placeholders."""
Preview = dict[str, str | int | list[str] | None]


class Previews:
    """Renders without sending. Raises TemplateNotFound, ValidationFailed and DatabaseUnavailable."""

    def __init__(self, *, templates: TemplateStore, compiled: CompiledStore, renderer: Renderer) -> None:
        self._templates = templates
        self._compiled = compiled
        self._renderer = renderer

    async def preview(self, tenant: str, code: str, body: PreviewRequest) -> Preview:
        """Render a version; the body includes missing required variables, which render as empty text.

        The default is the published version and its own channel.
        """
        _, version = await self._templates.version(tenant, code, body.version)
        compiled = await self._compiled.get(tenant, code, version.version)
        channel = body.channel or version.source.channel
        if not compiled.serves(channel):
            raise ValidationFailed.of("channel", f"template {code} has no {channel} part")
        content = await self._render(compiled, channel, body)
        return {**_shown(content), "missing_variables": compiled.missing(body.variables, (channel,))}

    async def _render(self, compiled: CompiledTemplate, channel: Channel, body: PreviewRequest) -> Content:
        variables = {**_LINKS, **body.variables} if channel is Channel.EMAIL else body.variables
        try:
            content = self._renderer.quick(compiled, channel, body.locale, variables)
            if content is None:
                content = await self._renderer.patient(compiled, channel, body.locale, variables)
        except RenderFailed as failed:
            raise ValidationFailed.of(failed.part, failed.message) from failed
        return content


def _shown(content: Content) -> Preview:
    match content:
        case EmailContent():
            return {"subject": content.subject, "html": content.html, "text": content.text}
        case PushContent():
            return {"title": content.title, "body": content.body, "image": content.image, "link": content.link}
        case SmsContent():
            size = measure_sms(content.text)
            return {"text": content.text, "segments": size.segments, "encoding": size.encoding}
        case WebhookContent(json=None):
            return {"title": content.title, "text": content.text}
        case WebhookContent():
            return {"json": content.json}
        case _:
            assert_never(content)
