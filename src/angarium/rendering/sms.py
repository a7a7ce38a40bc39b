"""The encoding of an SMS and its number of segments (3GPP TS 23.038 §6.2.1, TS 23.040 §9.2.3.24.1)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from angarium.rendering.limits import Limits
from angarium.rendering.liquid import SafeEnvironment, render
from angarium.rendering.problems import RenderFailed, TemplateProblem

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("\f^{}\\[~]|€")  # two septets each
_SEPTETS, _SEPTETS_OF_PART = 160, 153
_UNITS, _UNITS_OF_PART = 70, 67


@dataclass(frozen=True, slots=True)
class SmsSize:
    """The size of a text."""

    encoding: Literal["GSM-7", "UCS-2"]
    segments: int


def measure_sms(text: str) -> SmsSize:
    """The encoding and segments of `text`. A character that counts twice is never split over two segments."""
    if all(character in _BASIC or character in _EXTENDED for character in text):
        sizes = [2 if character in _EXTENDED else 1 for character in text]
        return SmsSize("GSM-7", _segments(sizes, _SEPTETS, _SEPTETS_OF_PART))
    sizes = [2 if ord(character) > 0xFFFF else 1 for character in text]  # noqa: PLR2004 - the end of the basic plane
    return SmsSize("UCS-2", _segments(sizes, _UNITS, _UNITS_OF_PART))


def _segments(sizes: list[int], single: int, part: int) -> int:
    if sum(sizes) <= single:
        return 1
    segments, room = 1, part
    for size in sizes:
        if size > room:
            segments, room = segments + 1, part
        room -= size
    return segments


def shortest_sms(source: str, defaults: Mapping[str, Any]) -> SmsSize | None:
    """The size of a compiled source rendered with its defaults only.

    None if it cannot be rendered.
    """
    try:
        parsed = SafeEnvironment(Limits(), time.thread_time, html=False).compiled(source, "text")
        return measure_sms(render(parsed, defaults, "text"))
    except (TemplateProblem, RenderFailed):
        return None
