"""Text that becomes a header of a mail."""

import re

_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ENCODED_WORD = re.compile(r"=(?=\?[^?]*\?[bq]\?)", re.IGNORECASE)


def one_line(text: str) -> str:
    """`text` on one line: no break or control character gets into a header (RFC 5322 §2.2)."""
    return _BREAKS.sub(" ", text).strip()


def without_breaks(text: str) -> str:
    """`text` without breaks and control characters: an address."""
    return _BREAKS.sub("", text).strip()


def header_text(text: str) -> str:
    """`one_line`, and a blank in what looks like an encoded word (RFC 2047), so that no reader decodes it.

    So a name in a wrong encoding (U+0092 for an apostrophe) or a subject that a help desk passes on as it got it keeps
    no mail from being sent.
    """
    if text.isascii() and text.isprintable() and "=?" not in text:
        return text.strip()
    return _ENCODED_WORD.sub("= ", one_line(text))
