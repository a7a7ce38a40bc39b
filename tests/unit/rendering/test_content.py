"""Which rendered messages show nothing to their reader."""

import time

import pytest

from angarium.rendering.content import Content, EmailContent, PushContent, SmsContent, is_blank

HOSTILE = ("<style", "<!--", "<", "<a ", "&")


@pytest.mark.parametrize(
    "content",
    [
        SmsContent(""),
        SmsContent(" \n\t"),
        SmsContent("\u200b\u00a0\ufeff"),
        PushContent(None, ""),
        PushContent(" ", "\n"),
        EmailContent("S", None, ""),
        EmailContent("S", "", None),
        EmailContent("S", "<!doctype html><head><title>S</title></head><p>&nbsp;<br>&zwnj;</p>", " "),
        EmailContent("S", "<style>p { color: red }</style><!-- [if mso] --><div><P></P></div>", None),
    ],
)
def test_blank(content: Content) -> None:
    assert is_blank(content)


@pytest.mark.parametrize(
    "content",
    [
        SmsContent("."),
        SmsContent("\U0001f44d"),
        PushContent("Title", ""),
        PushContent(None, "Body"),
        EmailContent("", None, "x"),
        EmailContent("", "<p>x</p>", ""),
        EmailContent("", "<p>&copy;</p>", None),
        EmailContent("", "<IMG src=cid:1>", None),
        EmailContent("", "<td background='x.png'></td>", None),
    ],
)
def test_not_blank(content: Content) -> None:
    assert not is_blank(content)


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_html_takes_linear_time(piece: str) -> None:
    began = time.process_time()
    is_blank(EmailContent("", piece * (1_000_000 // len(piece)), None))
    assert time.process_time() - began < 2
