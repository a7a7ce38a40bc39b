"""File parts of a mail: attachments and inline images (RFC 2183, 2387, 2392)."""

from binascii import b2a_base64
from collections.abc import Sequence
from urllib.parse import quote

from angarium.channels.email.headers import UnsafeMessage, checked
from angarium.notifications.options import File

_LINE = 76
"""Characters of a line (RFC 2045 §6.8)."""
_PORTION = 57 * 1024
"""Bytes encoded at once: they fill whole lines and fit into the CPU cache."""
_PIECE = 60
"""Characters of a file name per parameter section (RFC 2231 §3)."""


def inline_of(files: Sequence[File], *, html: bool) -> list[File]:
    """The inline files, if there is HTML."""
    return [file for file in files if html and file.info.content_id is not None]


def with_inline(html: bytes, inline: Sequence[File], boundary: str) -> bytes:
    """`html` and its inline files as one part (RFC 2387). Parts include their header and have no trailing line break.

    `boundary`: see `with_attachments`. Raises UnsafeMessage.
    """
    return _together("related", f"=_r{boundary}", [html, *(_part(file, "inline") for file in inline)])


def with_attachments(body: bytes, attached: Sequence[File], boundary: str) -> bytes:
    """`body` and `attached` as one part (RFC 2046 §5.1.3). Raises UnsafeMessage.

    No line of the body's texts may be mistaken for `boundary`; derived boundaries end in it.
    """
    return _together("mixed", f"=_m{boundary}", [body, *(_part(file, "attachment") for file in attached)])


def _together(subtype: str, boundary: str, parts: Sequence[bytes]) -> bytes:
    line = b"--" + boundary.encode()
    opening = f'Content-Type: multipart/{subtype};\r\n boundary="{boundary}"\r\n\r\n'.encode()
    return b"".join([opening, *(b"%b\r\n%b\r\n" % (line, part) for part in parts), line, b"--"])


def _part(file: File, disposition: str) -> bytes:
    info = file.info
    fields = [
        f"Content-Type: {checked(info.content_type, 'content_type')}",
        "Content-Transfer-Encoding: base64",
        f"Content-Disposition: {disposition};{_filename(info.filename)}",
        *(() if info.content_id is None else (f"Content-ID: <{checked(info.content_id, 'content_id')}>",)),
    ]
    return ("\r\n".join(fields) + "\r\n\r\n").encode() + _lines(file.content)


def _lines(content: bytes) -> bytes:
    """`content` in base64, in lines of 76 characters without a trailing line break (RFC 2045 §6.8)."""
    return b"\r\n".join([_portion(content[at : at + _PORTION]) for at in range(0, len(content), _PORTION)])


def _portion(content: bytes) -> bytes:
    """As `_lines`. Builds the result by columns, which is several times faster than by lines."""
    text = b2a_base64(content, newline=False)
    count = (len(text) - 1) // _LINE  # lines before the last
    lines = bytearray(b"\r\n" * (count * (_LINE + 2) // 2))
    for column in range(_LINE):
        lines[column :: _LINE + 2] = text[column : count * _LINE : _LINE]
    return bytes(lines) + text[count * _LINE :]


def _filename(name: str) -> str:
    """The parameter on separate lines: unchanged in ASCII, otherwise in UTF-8 sections (RFC 2231 §3, §4)."""
    if "\t" in checked(name, "filename"):
        raise UnsafeMessage("filename holds a line break or another control character")
    if name.isascii():
        return '\r\n filename="' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    text = quote(name, safe="")
    pieces = [text[at : at + _PIECE] for at in range(0, len(text), _PIECE)]
    if len(pieces) == 1:
        return f"\r\n filename*=utf-8''{text}"
    first, *others = pieces
    named = [f"filename*0*=utf-8''{first}", *(f"filename*{n}*={piece}" for n, piece in enumerate(others, 1))]
    return ";".join(f"\r\n {piece}" for piece in named)
