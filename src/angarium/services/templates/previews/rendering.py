"""Renders a version for its author's eyes."""

from collections.abc import Mapping
from typing import Any, assert_never

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import CompiledTemplate
from angarium.rendering.content import Content, EmailContent, PushContent, SmsContent, WebhookContent
from angarium.rendering.problems import RenderFailed
from angarium.rendering.renderer import Renderer
from angarium.rendering.sms import measure_sms

Preview = dict[str, str | int | list[str] | None]


async def render_preview(
    renderer: Renderer,
    template: CompiledTemplate,
    channel: Channel,
    locale: str | None,
    variables: Mapping[str, Any],
) -> Preview:
    """The content as a body, with the required variables that are missing and show as nothing.

    Raises ValidationFailed.
    """
    try:
        content = renderer.quick(template, channel, locale, variables)
        if content is None:
            content = await renderer.patient(template, channel, locale, variables)
    except RenderFailed as failed:
        raise ValidationFailed.of(failed.part, failed.message) from failed
    return {**_shown(content), "missing_variables": template.missing(variables, (channel,))}


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
