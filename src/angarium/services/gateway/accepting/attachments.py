"""Decodes attachments in a thread, since ten megabytes of base64 would delay every other request."""

import asyncio
from binascii import Error, a2b_base64
from collections.abc import Iterator, Sequence
from hashlib import blake2b

import msgspec

from angarium.contracts.attachments import Attachment, attachment_faults, too_large
from angarium.contracts.errors import Detail, ValidationFailed
from angarium.notifications.options import AttachmentInfo

_DIGEST_BYTES = 32
_SLICE = 256 * 1024
"""Characters decoded at once while holding the GIL; a multiple of four."""
_AT_ONCE = 64 * 1024
"""Characters up to which decoding needs no thread."""


class Decoded(msgspec.Struct, frozen=True):
    """A file, with the digest of its content for a request's fingerprint."""

    info: AttachmentInfo
    content: bytes
    digest: bytes


async def decoded(attachments: Sequence[Attachment]) -> tuple[Decoded, ...]:
    """Decode the files, in order. Raises ValidationFailed naming each invalid attachment.

    Strict, padded base64 (RFC 4648 §4); line breaks are allowed, as in MIME (RFC 2045 §6.8).
    """
    faults = [Detail(field, message) for field, message in attachment_faults(attachments)]
    if faults:
        raise ValidationFailed(details=faults)
    if sum(len(attachment.content) for attachment in attachments) <= _AT_ONCE:
        return _decoded(attachments)
    return await asyncio.to_thread(_decoded, attachments)


def _decoded(attachments: Sequence[Attachment]) -> tuple[Decoded, ...]:
    contents: list[bytes] = []
    faults: list[Detail] = []
    for index, attachment in enumerate(attachments):
        try:
            contents.append(b"".join(_pieces(attachment.content)))
        except (Error, ValueError):
            faults.append(Detail(f"attachments.{index}.content", "must be base64 (RFC 4648 §4), with padding"))
    large = too_large([len(content) for content in contents])
    if large is not None:
        faults.append(Detail("attachments", large))
    if faults:
        raise ValidationFailed(details=faults)
    return tuple(_file(*pair) for pair in zip(attachments, contents, strict=True))


def _pieces(content: str) -> Iterator[bytes]:
    """The bytes of `content`. Raises ValueError, also for padding before the end."""
    if "\n" in content or "\r" in content:
        content = content.replace("\r", "").replace("\n", "")
    if len(content) % 4:
        raise ValueError("not in groups of four")
    for start in range(0, len(content), _SLICE):
        piece = a2b_base64(content[start : start + _SLICE], strict_mode=True)
        if start + _SLICE < len(content) and len(piece) != _SLICE // 4 * 3:
            raise ValueError("padding before the end")
        yield piece


def _file(attachment: Attachment, content: bytes) -> Decoded:
    info = AttachmentInfo(
        filename=attachment.filename,
        content_type=attachment.content_type,
        size=len(content),
        content_id=attachment.content_id,
    )
    return Decoded(info, content, blake2b(content, digest_size=_DIGEST_BYTES).digest())
