"""Renders a version for its author's eyes."""

from collections.abc import Mapping
from typing import Any

from angarium.contracts.errors import ValidationFailed
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import CompiledTemplate
from angarium.rendering.content import Content, EmailContent, PushContent
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
    if isinstance(content, EmailContent):
        return {"subject": content.subject, "html": content.html, "text": content.text}
    if isinstance(content, PushContent):
        return {"title": content.title, "body": content.body, "image": content.image, "link": content.link}
    size = measure_sms(content.text)
    return {"text": content.text, "segments": size.segments, "encoding": size.encoding}
