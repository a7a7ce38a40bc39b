"""Renders a published template for one channel, language and set of variables."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, assert_never
from uuid import UUID

from liquid import BoundTemplate

from angarium.contracts.header_text import header_text, one_line, without_breaks
from angarium.contracts.statuses import Channel
from angarium.contracts.templates import ChannelSources, CompiledTemplate
from angarium.platform.caching import Lru
from angarium.platform.children.turns import Turns
from angarium.rendering.content import Content, EmailContent, PushContent, SmsContent, WebhookContent
from angarium.rendering.json_text import json_fault
from angarium.rendering.limits import Limits, Timer
from angarium.rendering.liquid import SafeEnvironment, render
from angarium.rendering.locales import language_of, nearest_locale
from angarium.rendering.problems import RenderFailed, RenderTooSlow, TemplateProblem
from angarium.rendering.segments import Segments, split

Parsed = Mapping[str, Segments | BoundTemplate]
Key = tuple[UUID, int, str, Channel]

PATIENCE = 0.005
"""Seconds of work that a rendering may use on the event loop."""
MOST_PARSED_AT_ONCE = 150_000
"""Parsing effort permitted on the event loop, about 4 ms."""
SLOW_OF_A_TENANT = 4
"""Limit of waiting slow renderings per tenant, each of which holds a slot."""
SLOW_IN_ALL = 16
"""The same for all tenants, in addition to the first one of each."""
_CHARACTERS_OF_MARKUP = 1_000
_HTML_PARTS = frozenset({"html"})


class Renderer:
    """Caches the parsed parts of the `max_templates` most recently used (version, language, channel).

    With `fast_paths`, simple parts are cached as `Segments`; others, and all without it, use the full engine.

    Not thread-safe. A rendering takes microseconds for plain templates and at most two seconds for hostile ones. In an
    event loop, call `quick` first, and `patient` if it returns None: this blocks the loop for at most `PATIENCE` and
    one step of a template.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        max_templates: int = 1_000,
        timer: Timer = time.thread_time,
        *,
        fast_paths: bool = True,
    ) -> None:
        self._fast_paths = fast_paths
        self._limits = limits or Limits()
        self._timer = timer
        self._html = SafeEnvironment(self._limits, timer, html=True)
        self._plain = SafeEnvironment(self._limits, timer, html=False)
        self._parsed: Lru[Key, Parsed] = Lru(max_templates)
        self._slow: Lru[Key, bool] = Lru(max_templates)  # until others evict it
        self._turns = Turns(at_once=1, most_waiting=SLOW_OF_A_TENANT, most_in_all=SLOW_IN_ALL, patience=None)

    def render(
        self, template: CompiledTemplate, channel: Channel, locale: str | None, variables: Mapping[str, Any]
    ) -> Content:
        """Render the content in `locale` or the nearest available language.

        Missing variables use the template's defaults, or render as empty text. Raises RenderFailed, which is permanent.
        """
        key = _key(template, channel, locale)
        parsed = self._parsed.get(key) or self._keep(key, self._parse(template, key))
        return self._content(parsed, template, key, locale, variables, self._limits.seconds)

    def quick(
        self, template: CompiledTemplate, channel: Channel, locale: str | None, variables: Mapping[str, Any]
    ) -> Content | None:
        """As `render`; None if it takes, or once took, longer than `PATIENCE`. Raises RenderFailed."""
        key = _key(template, channel, locale)
        if key in self._slow:
            return None
        parsed = self._parsed.get(key)
        if parsed is None:
            if _effort(_sources(template.locales.get(key[2]), channel) or {}) > MOST_PARSED_AT_ONCE:
                return None
            parsed = self._keep(key, self._parse(template, key))
        try:
            return self._content(parsed, template, key, locale, variables, PATIENCE)
        except RenderTooSlow:
            self._slow.put(key, True)
            return None

    async def patient(
        self, template: CompiledTemplate, channel: Channel, locale: str | None, variables: Mapping[str, Any]
    ) -> Content:
        """As `render`, in a thread, one at a time; tenants are served in rotation.

        Raises RenderFailed, and RateLimited if too many of the tenant's renderings wait.
        """
        key = _key(template, channel, locale)
        async with self._turns.of(template.tenant):
            parsed = self._parsed.get(key)
            if parsed is None:
                parsed = self._keep(key, await asyncio.to_thread(self._parse, template, key))
            seconds = self._limits.seconds
            return await asyncio.to_thread(self._content, parsed, template, key, locale, variables, seconds)

    def _content(
        self,
        parsed: Parsed,
        template: CompiledTemplate,
        key: Key,
        wanted: str | None,
        variables: Mapping[str, Any],
        seconds: float,
    ) -> Content:
        given = {**template.defaults, **variables} if template.defaults else variables
        _, _, chosen, channel = key
        if _all_segments(parsed):
            return _made(channel, {part: _text(source, given, part, None, chosen) for part, source in parsed.items()})
        deadline, spoken = self._timer() + seconds, _spoken(wanted, chosen)
        return _made(channel, {part: _text(source, given, part, deadline, spoken) for part, source in parsed.items()})

    def _keep(self, key: Key, parsed: Parsed) -> Parsed:
        self._parsed.put(key, parsed)
        return parsed

    def _parse(self, template: CompiledTemplate, key: Key) -> Parsed:
        locale, channel = key[2:]
        sources = _sources(template.locales.get(locale), channel)
        if not sources:
            raise RenderFailed(channel, f"template {template.code} has no {channel} part")
        escaped = frozenset() if template.raw_html else _HTML_PARTS
        return {part: self._parsed_part(part, source, html=part in escaped) for part, source in sources.items()}

    def _parsed_part(self, part: str, source: str, *, html: bool) -> Segments | BoundTemplate:
        environment = self._html if html else self._plain
        try:
            parsed = environment.compiled(source, part)
        except TemplateProblem as problem:
            raise RenderFailed(part, problem.message) from problem
        return (split(parsed) if self._fast_paths else None) or parsed


def _key(template: CompiledTemplate, channel: Channel, locale: str | None) -> Key:
    chosen = nearest_locale(template.locales, locale, template.language)
    return template.template_id, template.version, chosen, channel


def _sources(sources: ChannelSources | None, channel: Channel) -> Mapping[str, str] | None:
    if sources is None:
        return None
    found: Mapping[str, str] | None = getattr(sources, channel)
    return found


def _effort(sources: Mapping[str, str]) -> int:
    """The parsing effort in characters: a tag or output costs as much as a thousand characters of text."""
    return sum(
        len(source) + _CHARACTERS_OF_MARKUP * (source.count("{{") + source.count("{%")) for source in sources.values()
    )


def _all_segments(parsed: Parsed) -> bool:
    """Whether every part is fast, so that the time need not be checked."""
    return all(isinstance(source, Segments) for source in parsed.values())


def _spoken(wanted: str | None, chosen: str) -> str:
    """The locale of numbers and times: the recipient's if the text is in that language."""
    return wanted if wanted is not None and language_of(wanted) == language_of(chosen) else chosen


def _text(
    source: Segments | BoundTemplate, variables: Mapping[str, Any], part: str, deadline: float | None, locale: str
) -> str:
    if isinstance(source, Segments):
        return source.render(variables, part)
    return render(source, variables, part, deadline, locale)


def _made(channel: Channel, texts: Mapping[str, str]) -> Content:
    match channel:
        case Channel.EMAIL:
            subject = header_text(texts.get("subject", ""))
            text = texts.get("text")  # loops leave blank lines at its ends
            return EmailContent(subject=subject, html=texts.get("html"), text=text and text.strip("\r\n"))
        case Channel.PUSH:
            return PushContent(
                title=_title(texts),
                body=texts["body"],
                image=_address(texts.get("image")),
                link=_address(texts.get("link")),
            )
        case Channel.SMS:
            return SmsContent(text=texts["text"])
        case Channel.WEBHOOK:
            return _webhook(texts)
        case _:
            assert_never(channel)


def _webhook(texts: Mapping[str, str]) -> WebhookContent:
    body = texts.get("json")
    if body is None:
        return WebhookContent(title=_title(texts), text=texts["text"])
    fault = json_fault(body)
    if fault is not None:
        raise RenderFailed("json", f"not JSON: {fault}")
    return WebhookContent(json=body)


def _title(texts: Mapping[str, str]) -> str | None:
    title = texts.get("title")
    return None if title is None else one_line(title)


def _address(text: str | None) -> str | None:
    return None if text is None else without_breaks(text) or None
