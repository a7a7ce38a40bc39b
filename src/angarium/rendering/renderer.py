"""Renders a published template for one channel, language and set of variables."""

import re
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from liquid import BoundTemplate

from angarium.contracts.statuses import Channel
from angarium.contracts.templates import ChannelSources, CompiledTemplate
from angarium.rendering.content import Content, EmailContent, PushContent, SmsContent
from angarium.rendering.limits import Limits, Timer
from angarium.rendering.liquid import SafeEnvironment, render
from angarium.rendering.locales import nearest_locale
from angarium.rendering.problems import RenderFailed, TemplateProblem
from angarium.rendering.segments import Segments, split

Parsed = Mapping[str, Segments | BoundTemplate]
Key = tuple[UUID, int, str, Channel]

_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class Renderer:
    """Keeps the parsed parts of the `max_templates` most recently used (version, language, channel).

    Not safe for threads. A rendering takes microseconds for plain templates and at most two seconds for hostile ones.
    """

    def __init__(
        self, limits: Limits | None = None, max_templates: int = 1_000, timer: Timer = time.thread_time
    ) -> None:
        limits = limits or Limits()
        self._html = SafeEnvironment(limits, timer, html=True)
        self._plain = SafeEnvironment(limits, timer, html=False)
        self._max_templates = max_templates
        self._parsed: OrderedDict[Key, Parsed] = OrderedDict()

    def render(
        self, template: CompiledTemplate, channel: Channel, locale: str | None, variables: Mapping[str, Any]
    ) -> Content:
        """The content in `locale`, or the nearest language that the template has.

        The template's defaults stand in for variables that are not given; without one a variable renders as nothing.
        Raises RenderFailed: another attempt would not help.
        """
        chosen = nearest_locale(template.locales, locale, template.language)
        parts = self._parts(template, chosen, channel)
        given = {**template.defaults, **variables} if template.defaults else variables
        texts = {part: _text(source, given, part) for part, source in parts.items()}
        return _content(channel, texts)

    def _parts(self, template: CompiledTemplate, locale: str, channel: Channel) -> Parsed:
        key = (template.template_id, template.version, locale, channel)
        found = self._parsed.get(key)
        if found is not None:
            self._parsed.move_to_end(key)
            return found
        parsed = self._parse(template, locale, channel)
        self._parsed[key] = parsed
        if len(self._parsed) > self._max_templates:
            self._parsed.popitem(last=False)
        return parsed

    def _parse(self, template: CompiledTemplate, locale: str, channel: Channel) -> Parsed:
        sources = _sources(template.locales.get(locale), channel)
        if not sources:
            raise RenderFailed(channel, f"template {template.code} has nothing for {channel}")
        return {part: self._parsed_part(part, source) for part, source in sources.items()}

    def _parsed_part(self, part: str, source: str) -> Segments | BoundTemplate:
        environment = self._html if part == "html" else self._plain
        try:
            parsed = environment.compiled(source, part)
        except TemplateProblem as problem:
            raise RenderFailed(part, problem.message) from problem
        return split(parsed) or parsed


def _sources(sources: ChannelSources | None, channel: Channel) -> Mapping[str, str] | None:
    if sources is None:
        return None
    return {Channel.EMAIL: sources.email, Channel.PUSH: sources.push, Channel.SMS: sources.sms}[channel]


def _text(source: Segments | BoundTemplate, variables: Mapping[str, Any], part: str) -> str:
    return source.render(variables, part) if isinstance(source, Segments) else render(source, variables, part)


def _content(channel: Channel, texts: Mapping[str, str]) -> Content:
    if channel is Channel.EMAIL:
        return EmailContent(subject=_line(texts.get("subject", "")), html=texts.get("html"), text=texts.get("text"))
    if channel is Channel.PUSH:
        title = texts.get("title")
        return PushContent(
            title=None if title is None else _line(title),
            body=texts["body"],
            image=_address(texts.get("image")),
            link=_address(texts.get("link")),
        )
    return SmsContent(text=texts["text"])


def _line(text: str) -> str:
    """One line: no break or control character gets into a header (RFC 5322 §2.2)."""
    return _BREAKS.sub(" ", text).strip()


def _address(text: str | None) -> str | None:
    return None if text is None else _BREAKS.sub("", text).strip() or None
