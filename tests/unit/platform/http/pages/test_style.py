"""The shared colours can be read: WCAG 2.2, success criterion 1.4.3 (4.5:1 for text)."""

import re
from itertools import product

import pytest

from angarium.platform.http.pages.style import styled

TEXT = ("ink", "quiet", "accent", "blue", "violet", "green", "amber", "red")
GROUNDS = ("ground", "paper", "sunk")
ENOUGH = 4.5


def _scheme(dark: bool) -> dict[str, str]:
    light, night = styled("").split("@media (prefers-color-scheme: dark)", 1)
    return dict(re.findall(r"--([a-z-]+): #([0-9a-f]{6})\b", night if dark else light))


def _luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_text_stands_out_from_what_it_stands_on(dark: bool) -> None:
    colours = _scheme(dark)
    pairs = [*product(TEXT, GROUNDS), ("accent", "chosen"), ("quiet", "chosen"), ("on-accent", "accent")]
    weak = {pair: _contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: round(value, 2) for pair, value in weak.items() if value < ENOUGH} == {}


def test_a_pages_own_rules_come_last() -> None:
    assert styled("p { margin: 0 }").endswith("p { margin: 0 }")
