"""Text in mail header fields: its validation at acceptance and before a send, and its repair."""

import re

_BREAKS_OUT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_ENCODED_WORD = re.compile(r"=\?[^?]*\?[bq]\?", re.IGNORECASE)
_LINE_BREAK = "holds a line break or another control character"
_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ENCODED_WORD = re.compile(r"=(?=\?[^?]*\?[bq]\?)", re.IGNORECASE)


def header_fault(text: str) -> str | None:
    """Why `text` must not be in a header field; None if it may.

    Refuses every control character except tab, the Unicode line and paragraph separators, and anything that looks like
    an encoded word (RFC 2047), which a lenient reader could decode into a refused character.
    """
    if text.isascii() and text.isprintable() and "=?" not in text:
        return None
    if _BREAKS_OUT.search(text):
        return _LINE_BREAK
    if _ENCODED_WORD.search(text):
        return "holds an encoded word"
    return None


def header_line(text: str) -> str:
    """`text`, if it may be in a header field, without tabs. Raises ValueError."""
    fault = _LINE_BREAK if "\t" in text else header_fault(text)
    if fault is not None:
        raise ValueError(fault)
    return text


def one_line(text: str) -> str:
    """`text` on one line, without line breaks and control characters (RFC 5322 §2.2)."""
    return _BREAKS.sub(" ", text).strip()


def without_breaks(text: str) -> str:
    """`text` without line breaks and control characters, for addresses."""
    return _BREAKS.sub("", text).strip()


def header_text(text: str) -> str:
    """As `one_line`, and breaks up encoded words (RFC 2047) with a space, so that readers do not decode them.

    So a name in a wrong encoding (U+0092 for an apostrophe) or a subject forwarded unchanged does not prevent the mail
    from being sent.
    """
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text.strip()
    return _ENCODED_WORD.sub("= ", one_line(text))
