"""Mails in frames."""

import pytest

from angarium.services.gateway.dashboard.frames import Mode, with_mode

STYLE = "<style>@media (prefers-color-scheme: dark) {a{}} @media (Prefers-Color-Scheme:light){b{}}</style>"


@pytest.mark.parametrize(("look", "dark", "light"), [(Mode.DARK, "min", "max"), (Mode.LIGHT, "max", "min")])
def test_the_rules_of_the_look_hold_and_those_of_the_other_do_not(look: Mode, dark: str, light: str) -> None:
    shown = with_mode(STYLE, look)
    assert f"@media ({dark}-width:0) {{a{{}}}} @media ({light}-width:0){{b{{}}}}" in shown
    assert f"color-scheme:{look}!important" in shown


@pytest.mark.parametrize(
    ("html", "before"),
    [
        ("<!DOCTYPE html><html><head lang=x><title>t</title></head></html>", "<!DOCTYPE html><html><head lang=x>"),
        ("<!doctype html><p>x", "<!doctype html>"),
        ("<p>x", ""),
    ],
)
def test_the_rule_of_the_ground_is_where_it_changes_no_mode_of_the_document(html: str, before: str) -> None:
    assert with_mode(html, Mode.DARK).startswith(f"{before}<style>:root")
