"""Encodes mail bodies as seven-bit lines, which every server accepts without 8BITMIME."""

from binascii import b2a_base64, b2a_qp

from angarium.channels.email.headers import LINE_ALLOWED, UnsafeMessage

_BASE64_LINE = 57
"""Bytes that make a line of 76 characters (RFC 2045 §6.8)."""
_DENSE = 6
"""If at least one byte in this many needs encoding, base64 is shorter than quoted-printable."""


def encoded(text: str, boundary: str) -> tuple[str, bytes]:
    """(Content-Transfer-Encoding, lines) of `text`; every line break becomes CRLF. Raises UnsafeMessage.

    No line is longer than 998 characters or can be mistaken for `boundary`.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    try:
        data = text.replace("\n", "\r\n").encode()
    except UnicodeEncodeError as error:
        raise UnsafeMessage("the text is not Unicode") from error
    if text.isascii():
        if _short_lines(data) and "\0" not in text and boundary not in text:
            return "7bit", data
    elif (len(data) - len(text)) * _DENSE > len(data):
        return "base64", _base64(data)
    return "quoted-printable", _quoted_printable(data)


def _short_lines(data: bytes) -> bool:
    start, end = 0, len(data)
    while end - start > LINE_ALLOWED:
        start = data.rfind(b"\n", start, start + LINE_ALLOWED + 2) + 1
        if not start or data[start - 1 : start] != b"\n":
            return False
    return True


def _quoted_printable(data: bytes) -> bytes:
    lines = b2a_qp(data, istext=True)
    return lines if b"\n" in data else lines.replace(b"\n", b"\r\n")


def _base64(data: bytes) -> bytes:
    lines = [b2a_base64(data[at : at + _BASE64_LINE], newline=False) for at in range(0, len(data), _BASE64_LINE)]
    return b"\r\n".join(lines)
