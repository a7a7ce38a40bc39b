"""Download responses for files of caught messages. The browser saves them and never renders them in our origin."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from starlette.responses import Response

SOURCE_TYPE = "message/rfc822"
FILE_TYPE = "application/octet-stream"
SAFE: Mapping[str, str] = {
    "content-security-policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_UNSAFE = re.compile('[\x00-\x1f\x7f"\\\\/:*?<>|\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]')
"""Path separators, control characters, and characters that hide an extension or reverse its direction."""
_LONGEST_NAME = 150


def download(content: bytes, *, name: str, media_type: str) -> Response:
    """A response that the browser saves as `name`."""
    return Response(content, media_type=media_type, headers={**SAFE, "content-disposition": disposition(name)})


def disposition(name: str) -> str:
    """The `Content-Disposition` header to save a file as `name` (RFC 6266 §4.3, RFC 8187 §3.2)."""
    safe = _UNSAFE.sub("_", name).strip(" .")[-_LONGEST_NAME:] or "attachment"
    plain = safe.encode("ascii", "replace").decode().replace("?", "_").replace("%", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(safe, safe='')}"
