"""Text for mail headers."""

import re

_BREAKS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_ENCODED_WORD = re.compile(r"=(?=\?[^?]*\?[bq]\?)", re.IGNORECASE)


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
