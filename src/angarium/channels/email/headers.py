"""Header fields of mails: refused if they could break out of their line, encoded if they are not ASCII.

Limits are those of RFC 5322 §2.1.1 (78 characters recommended, 998 allowed) and RFC 2047 §2 (an encoded word has at
most 75 characters, its line 76).
"""

import re
from binascii import b2a_base64
from collections.abc import Sequence

from angarium.contracts.header_text import header_fault

LINE_WANTED = 78
LINE_ALLOWED = 998

_FIELD_NAME = re.compile(r"[!-9;-~]{1,60}")
_PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~ ]+")
_ADDRESS_PART = r"[^\x00-\x20\x7f-\xa0\u2028\u2029\ud800-\udfff<>()\[\]\\,;:\"@]+"
_ADDRESS = re.compile(f"{_ADDRESS_PART}@{_ADDRESS_PART}")
_WORD_ENVELOPE = len("=?utf-8?b??=")
_WORD_LINE = 76
_OURS = re.compile(
    r"(?:date|from|sender|reply-to|to|cc|bcc|subject|message-id|mime-version|content-.*|resent-.*|return-path|received)",
    re.IGNORECASE,
)


class UnsafeMessage(ValueError):
    """A part of the message could inject headers or content; it is never sent."""


def checked(text: str, field: str) -> str:
    """Return `text` if it is safe in a header (`contracts.header_text`). Raises UnsafeMessage."""
    fault = header_fault(text)
    if fault is not None:
        raise UnsafeMessage(f"{field} {fault}")
    return text


def unstructured(name: str, text: str) -> str:
    """The field `name: text`, folded and encoded as needed, without a trailing line break. Raises UnsafeMessage."""
    text = checked(text, name)
    if len(text) + len(name) + 2 <= LINE_WANTED and text.isascii() and text.isprintable() and text == text.strip():
        return f"{name}: {text}"
    if _foldable(text):
        return _folded(name, text)
    return f"{name}: {_encoded_words(text, len(name) + 2)}"


def mailbox(name: str, display_name: str | None, address: str) -> str:
    """The field `name: display name <address>` for exactly one address. Raises UnsafeMessage."""
    check_one_address(name, address)
    if not display_name:
        return f"{name}: {address}"
    text = checked(display_name, f"the name in {name}")
    if _PHRASE.fullmatch(text) and text == text.strip() and "=?" not in text:
        phrase = text
    elif text.isascii() and "\t" not in text and "=?" not in text:
        phrase = '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    else:
        return f"{name}: {_encoded_words(text, len(name) + 2)}\r\n <{address}>"
    return f"{name}: {phrase} <{address}>"


def address_list(name: str, addresses: Sequence[str]) -> str:
    """The field `name` with these validated addresses, one per line."""
    return f"{name}: " + ",\r\n ".join(addresses)


def check_one_address(name: str, address: str) -> None:
    """Raise UnsafeMessage unless the field `name` has exactly one address."""
    if not _ADDRESS.fullmatch(address):
        raise UnsafeMessage(f"{name} is not one plain address")


def check_extra_name(name: str) -> None:
    """Raise UnsafeMessage for an invalid field name, or one that the message sets itself."""
    if not _FIELD_NAME.fullmatch(name) or _OURS.fullmatch(name):
        raise UnsafeMessage("a header's name is not allowed")


def extra(name: str, value: str) -> str:
    """An additional field from a caller, which must not be one that the message sets itself. Raises UnsafeMessage."""
    check_extra_name(name)
    text = checked(value, name)
    if text.isascii() and len(text) + len(name) + 2 <= LINE_ALLOWED:
        return f"{name}: {text}"
    return unstructured(name, text)


def _foldable(text: str) -> bool:
    """Whether folding at spaces preserves the text: single spaces between words, no word longer than a line."""
    if not text.isascii() or not text.isprintable() or text != text.strip() or "  " in text:
        return False
    return max(map(len, text.split(" "))) < LINE_ALLOWED - LINE_WANTED


def _folded(name: str, text: str) -> str:
    lines, line = [], f"{name}:"
    for word in text.split(" "):
        if len(line) + 1 + len(word) > LINE_WANTED and line != f"{name}:":
            lines.append(line)
            line = ""
        line = f"{line} {word}"
    return "\r\n".join([*lines, line])


def _encoded_words(text: str, column: int) -> str:
    """`text` as base64 encoded words, one per line, split between characters (RFC 2047 §5)."""
    data = text.encode()
    words, start = [], 0
    while start < len(data):
        room = (_WORD_LINE - column - _WORD_ENVELOPE) // 4 * 3
        end = min(start + room, len(data))
        while end < len(data) and data[end] & 0xC0 == 0x80:  # noqa: PLR2004 - a continuation byte of UTF-8
            end -= 1
        words.append("=?utf-8?b?" + b2a_base64(data[start:end], newline=False).decode() + "?=")
        start, column = end, 1
    return "\r\n ".join(words)
